import Glibc
import Policy
import Probes
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization

/// The prober of heald under the same load as `http-peer`, with the same arguments and output; or
/// `http-probe hung COUNT ROUNDS`: how long a dead endpoint takes to be seen beside so many hung ones.
@main
enum HTTPProbe {
    static func main() {
        let arguments = CommandLine.arguments
        if arguments.count == 4, arguments[1] == "hung", let hung = Int(arguments[2]), let rounds = Int(arguments[3]) {
            return DeadBesideHung.run(hung: hung, rounds: rounds)
        }
        guard arguments.count == 6, let port = Int(arguments[1]), let addresses = Int(arguments[2]),
            let amount = Int(arguments[4]), let checks = Int(arguments[5])
        else { exit(64) }
        let load = Load(
            requests: (0..<addresses).map { index in
                let host = "127.1.\(index / 250).\(1 + index % 250)"
                let http = HTTPCheck(host: host, port: port, target: "/healthz")
                let check = Check(name: "http", kind: .http(http), interval: .seconds(1))
                return ProbeRequest(id: UInt64(index), component: "target\(index)", check: check)
            }, checks: checks)
        do {
            let prober = try SystemProber()
            let before = (cpu: cpuSeconds(), at: seconds())
            if arguments[3] == "open" {
                load.open(prober, perSecond: amount)
            } else {
                load.closed(prober, inFlight: amount)
            }
            let took = seconds() - before.at
            let perCheck = (cpuSeconds() - before.cpu) / Double(checks) * 1e6
            let figures = "\(fixed(perCheck)) \(Int(Double(checks) / took)) \(residentKiB())"
            print("\(checks) \(load.failures) \(figures)")
        } catch {
            print("http-probe: \(error)")
            exit(1)
        }
    }

    private static func fixed(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }
}

/// Starts checks and counts their results.
final class Load: Sendable {
    private struct Counts {
        var started = 0
        var finished = 0
        var failed = 0
    }

    private let requests: [ProbeRequest]
    private let checks: Int
    private let counts = Mutex(Counts())

    init(requests: [ProbeRequest], checks: Int) {
        self.requests = requests
        self.checks = checks
    }

    var failures: Int { self.counts.withLock { $0.failed } }
    private var isFinished: Bool { self.counts.withLock { $0.finished == self.checks } }

    /// So many at once: a result starts the next check.
    func closed(_ prober: SystemProber, inFlight: Int) {
        for _ in 0..<min(inFlight, self.checks) { self.next(prober, continuing: true) }
        while !self.isFinished { usleep(5_000) }
    }

    /// So many a second, whatever comes back: a tick a millisecond; what is due is started.
    func open(_ prober: SystemProber, perSecond: Int) {
        let begin = seconds()
        while !self.isFinished {
            let due = min(self.checks, Int((seconds() - begin) * Double(perSecond)))
            let started = self.counts.withLock { $0.started }
            for _ in started..<max(started, due) { self.next(prober, continuing: false) }
            usleep(1_000)
        }
    }

    private func next(_ prober: SystemProber, continuing: Bool) {
        let index = self.counts.withLock { counts -> Int? in
            guard counts.started < self.checks else { return nil }
            counts.started += 1
            return counts.started - 1
        }
        guard let index else { return }
        prober.start(self.requests[index % self.requests.count]) { [self] result in
            self.counts.withLock { counts in
                counts.finished += 1
                if result.verdict != .up { counts.failed += 1 }
            }
            if continuing { self.next(prober, continuing: true) }
        }
    }
}

func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func cpuSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func residentKiB() -> Int {
    var bytes = [UInt8](repeating: 0, count: 256)
    let fd = open("/proc/self/statm", O_RDONLY)
    defer { close(fd) }
    let count = max(0, read(fd, &bytes, bytes.count))
    let fields = String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) / 1_024 : 0
}
