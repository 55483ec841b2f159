import CSystemd
import Glibc
import RecoveryEngine
import Testing

@testable import Systemd

@Suite struct ProcessEndTests {
    private static func stat(_ name: String, _ state: String, _ code: Int32) -> [UInt8] {
        let between = Array(repeating: "0", count: 48).joined(separator: " ")
        return Array("4711 (\(name)) \(state) \(between) \(code)\n".utf8)
    }

    @Test(arguments: ["sh", "a b", "a) Z 0 (", "((", ""])
    func `a program may call itself what it likes`(name: String) throws {
        let end = try #require(ProcessEnd(stat: Self.stat(name, "Z", 3 << 8)))
        #expect(end.kind == .exited && end.status == 3 && end.result == "exit-code")
    }

    @Test func `signals and core dumps are told apart`() throws {
        let killed = try #require(ProcessEnd(stat: Self.stat("sh", "Z", SIGKILL)))
        #expect(killed.kind == .killed && killed.status == SIGKILL && killed.result == "signal")
        let dumped = try #require(ProcessEnd(stat: Self.stat("sh", "Z", SIGSEGV | 0x80)))
        #expect(dumped.kind == .dumped && dumped.status == SIGSEGV && dumped.result == "core-dump")
    }

    @Test func `what may be a stop or a success is left to systemd`() throws {
        for code in [0, SIGTERM, SIGHUP, SIGINT, SIGPIPE] {
            #expect(try #require(ProcessEnd(stat: Self.stat("sh", "Z", code))).isCleanToSystemd)
        }
        for code in [1 << 8, SIGKILL, SIGABRT | 0x80] {
            #expect(try #require(ProcessEnd(stat: Self.stat("sh", "Z", code))).isCleanToSystemd == false)
        }
    }

    @Test(arguments: ["", "1", "1 (a", "1 (a) Z", "1 (a) Z 0 0"])
    func `a text that is cut off says nothing`(text: String) {
        #expect(ProcessEnd(stat: Array(text.utf8)) == nil)
    }

    @Test func `a running process has not ended`() {
        #expect(ProcessEnd(stat: Self.stat("sh", "S", 0)) == nil)
    }

    @Test(arguments: [("exit 3", ProcessExit.Kind.exited, Int32(3)), ("kill -KILL $$", .killed, 9)])
    func `a real process is read while it is a zombie, and no longer`(
        script: String, kind: ProcessExit.Kind, status: Int32
    ) throws {
        var pid = pid_t()
        let texts: [String] = ["/bin/sh", "-c", script]
        let arguments: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        let code = posix_spawn(&pid, "/bin/sh", nil, nil, arguments, nil)
        try #require(code == 0)
        let descriptor = heald_pidfd_open(pid)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var info = siginfo_t()
        #expect(waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) == 0)
        let end = try #require(ProcessEnd(of: pid, descriptor: descriptor))
        #expect(end.kind == kind && end.status == status)
        #expect(waitid(P_PID, id_t(pid), &info, WEXITED) == 0)
        #expect(ProcessEnd(of: pid, descriptor: descriptor) == nil)
    }
}
