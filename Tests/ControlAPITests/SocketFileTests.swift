import Foundation
import Glibc
import Testing

@testable import ControlAPI
@testable import HealctlKit

@Suite struct SocketFileTests {
    @Test(arguments: [ControlServerConfiguration.SocketAccess.everyoneReads, .operatorsOnly])
    func `the socket has its mode, nothing else is left, and it goes with the server`(
        access: ControlServerConfiguration.SocketAccess
    ) async throws {
        var directory = ""
        try await TestServer.with(
            RecordingControl(),
            {
                $0.socketAccess = access; if !isRoot { $0.operatorGroupID = getegid() }
            }
        ) { server in
            directory = server.directory
            let files = try FileManager.default.contentsOfDirectory(atPath: directory)
            #expect(files == ["control.sock"])
            var status = stat()
            #expect(lstat(server.socketPath, &status) == 0)
            #expect(status.st_mode & S_IFMT == S_IFSOCK)
            switch access {
            case .everyoneReads: #expect(status.st_mode & 0o7777 == 0o666)
            case .operatorsOnly:
                #expect(status.st_mode & 0o7777 == 0o660)
                if isRoot { #expect(status.st_gid == TestServer.operatorGroup) }
            }
        }
        #expect(!FileManager.default.fileExists(atPath: directory + "/control.sock"))
    }

    @Test func `a socket that a killed instance left is replaced, and so is what it left half done`() async throws {
        try await TestServer.with(
            RecordingControl(),
            { configuration in
                let directory = configuration.runtimeDirectory
                try Self.leaveSocket(at: directory + "/control.sock")
                try #require(mkdir(directory + "/.control.new", 0o755) == 0)
                try Self.leaveSocket(at: directory + "/.control.new/s")
            }
        ) { server in
            let answer = try await server.request("GET", "/v1/version")
            #expect(answer.status == 200)
            let files = try FileManager.default.contentsOfDirectory(atPath: server.directory)
            #expect(files == ["control.sock"])
        }
    }

    @Test func `another's socket under the same name is left alone at the end`() async throws {
        let directory = try TestServer.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let socket = try ControlSocket(runtimeDirectory: directory)
        try Self.leaveSocket(at: socket.bindPath)
        let identity = try socket.publish(mode: 0o600, group: nil)
        try #require(unlink(socket.path) == 0)
        try Self.leaveSocket(at: socket.path)
        socket.withdraw(identity)
        #expect(FileManager.default.fileExists(atPath: socket.path))
    }

    @Test func `what is no socket is not replaced`() async throws {
        for plant in [
            { (path: String) in _ = FileManager.default.createFile(atPath: path, contents: Data("precious".utf8)) },
            { (path: String) in
                try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/etc/passwd")
            },
            { (path: String) in
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            },
        ] {
            let directory = try TestServer.makeDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try plant(directory + "/control.sock")
            let error = await Self.errorOfServing(in: directory)
            #expect(
                error?.description
                    == "Cannot put the control socket at \(directory)/control.sock. Why: Something else is there that is "
                    + "not a socket. Fix: Look at it, and move it away.")
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["control.sock"])
        }
    }

    @Test func `a directory that others can write to is refused`() async throws {
        for mode in [0o775, 0o757, 0o1777] as [mode_t] {
            let directory = try TestServer.makeDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try #require(chmod(directory, mode) == 0)
            let error = await Self.errorOfServing(in: directory)
            #expect(error?.code == .unsafeDirectory)
            #expect(error?.why == "Others can write to it (mode \(String(mode, radix: 8))).")
        }
    }

    @Test(.enabled(if: isRoot, "needs root, to give a directory away"))
    func `a directory of somebody else is refused`() async throws {
        let directory = try TestServer.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try #require(chown(directory, 65_534, 65_534) == 0)
        #expect(await Self.errorOfServing(in: directory)?.why == "It belongs to user 65534.")
    }

    @Test func `a directory that is missing, no directory, or too deep is an error that says so`() async throws {
        #expect(await Self.errorOfServing(in: "/nonexistent")?.why == "stat: No such file or directory.")
        #expect(await Self.errorOfServing(in: "/etc/passwd")?.why == "It is not a directory.")
        let deep = "/tmp/" + String(repeating: "x", count: 100)
        #expect(await Self.errorOfServing(in: deep)?.code == .pathTooLong)
    }

    private static func errorOfServing(in directory: String) async -> ControlServerError? {
        let server = ControlServer(
            control: RecordingControl(), configuration: .init(runtimeDirectory: directory, version: "1"),
            logger: TestServer.quiet)
        do { try await server.run() } catch { return error as? ControlServerError }
        return nil
    }

    /// A socket file that nobody listens on.
    private static func leaveSocket(at path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
    }
}
