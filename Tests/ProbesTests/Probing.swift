import Glibc
import Policy
import Probes
import RecoveryEngine
import ResilienceCore

extension SystemProber {
    /// Runs a check and waits for its result, which must come within its timeout and the promised margin.
    func result(of kind: CheckKind, timeout: Duration = .seconds(3), name: String = "check") async -> CheckResult {
        let check = Check(name: name, kind: kind, interval: .seconds(60), timeout: timeout)
        return await withCheckedContinuation { continuation in
            self.start(ProbeRequest(id: 1, component: "test", check: check)) { continuation.resume(returning: $0) }
        }
    }

    func http(
        _ port: Int, host: String = "127.0.0.1", method: String = "GET", target: String = "/",
        headers: [HTTPHeader] = [], body: String? = nil, expect: HTTPExpectation = HTTPExpectation(),
        followRedirects: Bool = false, tls: TLSTrust? = nil, timeout: Duration = .seconds(3), unixSocket: String? = nil
    ) async -> CheckResult {
        await self.result(
            of: .http(
                HTTPCheck(
                    host: host, port: port, target: target, method: method, headers: headers, body: body,
                    expect: expect, followRedirects: followRedirects, tls: tls, unixSocket: unixSocket)),
            timeout: timeout)
    }

    /// Runs a shell script as a check.
    func script(
        _ script: String, convention: ExecCheck.Convention = .plugin, user: String? = nil,
        environment: [String: String] = [:], workingDirectory: String = "/", timeout: Duration = .seconds(5),
        name: String = "check"
    ) async -> CheckResult {
        await self.result(
            of: .exec(
                ExecCheck(
                    command: ["/bin/sh", "-c", script], convention: convention, user: user, environment: environment,
                    workingDirectory: workingDirectory)), timeout: timeout, name: name)
    }
}

extension CheckResult {
    var seconds: Double { (self.finishedAt - self.startedAt).inSeconds }
    var reason: FailureReason? { self.failure?.reason }
    var message: String { self.failure?.message ?? "" }
}

/// Open descriptors of this process.
func openDescriptors() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return -1 }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    return count
}

func monotonicNow() -> MonotonicInstant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
}

/// Waits, for a bounded time, until there is something to read or nothing will come any more.
func isReadable(_ fd: Int32, within seconds: Int32 = 20) -> Bool {
    var asked = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    return poll(&asked, 1, seconds * 1_000) == 1
}

func unlinkTestSocket(_ path: String) -> Bool { unlink(path) == 0 }

/// Connects to a Unix socket until its queue takes no more, and keeps those connections.
func socketFilling(_ path: String) -> [Int32] {
    var taken: [Int32] = []
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    for _ in 0..<16 {
        let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK, 0)
        let error = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        taken.append(fd)
        if error != 0 { break }
    }
    return taken
}

func closeSockets(_ sockets: [Int32]) { for fd in sockets { close(fd) } }
