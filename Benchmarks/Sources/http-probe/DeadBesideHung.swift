import Dispatch
import Glibc
import Policy
import Probes
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization

/// Writes the median and the longest time from asking to knowing that an endpoint is dead, in milliseconds.
enum DeadBesideHung {
    static func run(hung: Int, rounds: Int) {
        do {
            let prober = try SystemProber()
            let listener = Self.loopbackSocket()
            // Connections are taken by the kernel and never answered.
            guard listen(listener.fd, Int32(hung) + 16) == 0 else { exit(1) }
            for _ in 0..<hung { Self.ask(prober, port: listener.port) { _ in } }
            let dead = Self.loopbackSocket()
            close(dead.fd)
            var times: [Double] = []
            for _ in 0..<rounds {
                let begin = seconds()
                let isAnswered = DispatchSemaphore(value: 0)
                let isRefused = Mutex(false)
                Self.ask(prober, port: dead.port) { result in
                    isRefused.withLock { $0 = result.failure?.reason == .connection }
                    isAnswered.signal()
                }
                isAnswered.wait()
                guard isRefused.withLock({ $0 }) else { exit(1) }
                times.append((seconds() - begin) * 1_000)
                usleep(1_000)
            }
            times.sort()
            print(times[times.count / 2], times[times.count - 1])
        } catch {
            print("http-probe: \(error)")
            exit(1)
        }
    }

    private static func ask(
        _ prober: SystemProber, port: Int, report: @escaping @Sendable (CheckResult) -> Void
    ) {
        let http = HTTPCheck(host: "127.0.0.1", port: port)
        let check = Check(name: "http", kind: .http(http), interval: .seconds(60), timeout: .seconds(60))
        prober.start(ProbeRequest(id: 0, component: "target", check: check), report: report)
    }

    private static func loopbackSocket() -> (fd: Int32, port: Int) {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                guard bind(fd, $0, length) == 0, getsockname(fd, $0, &length) == 0 else { exit(1) }
            }
        }
        return (fd, Int(UInt16(bigEndian: address.sin_port)))
    }
}
