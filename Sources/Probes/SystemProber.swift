import Glibc
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor

/// Runs every check but `unit` checks against the real world.
///
/// All connections and child processes are watched by one thread; names are looked up and programs loaded by a few
/// others, because those calls may block. No check waits for another, except that only so many programs run at once.
/// Answers are reported from the watching thread: a report must not block.
public final class SystemProber: Prober {
    /// What bounds the prober.
    public struct Limits: Hashable, Sendable {
        /// Programs that run at once; further ones wait, and their timeout begins when they do.
        public var programs: Int
        /// Connections at once; a check beyond them is `unknown`.
        public var connections: Int

        /// - Parameter connections: `nil` for half the descriptors that the process may open.
        public init(programs: Int = 16, connections: Int? = nil) {
            self.programs = max(1, programs)
            self.connections = max(1, connections ?? Self.halfOfDescriptors)
        }

        /// The other half is for the audit trail, the bus, the control socket and the pipes of programs.
        private static var halfOfDescriptors: Int {
            var limit = rlimit()
            guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 512 }
            return Int(clamping: min(limit.rlim_cur, 65_536) / 2)
        }
    }

    private let reactor: Reactor
    private let wires: Wires
    private let programs: ExecQueue
    private let files = BlockingChecks()
    private let digests = DigestCache()
    private let groups: ControlGroups
    private let journal: JournalProbe

    /// - Throws: `ProberError` where descriptors or threads have run out.
    public convenience init(limits: Limits = Limits()) throws {
        try self.init(limits: limits, groups: ControlGroups(), journal: JournalProbe())
    }

    init(
        limits: Limits = Limits(), groups: ControlGroups = ControlGroups(), journal: JournalProbe = JournalProbe(),
        resolver: Resolver = Resolver()
    ) throws {
        self.groups = groups
        self.journal = journal
        self.reactor = try Reactor(name: "heald-probes")
        self.wires = Wires(connectionsMax: limits.connections, resolver: resolver)
        self.programs = ExecQueue(running: limits.programs)
    }

    deinit { self.stop() }

    /// Ends every running check (each is reported as `unknown`; programs are killed) and the prober's threads. Returns
    /// at once.
    public func stop() {
        self.reactor.stop()
        self.wires.stop()
        self.programs.stop()
        self.files.stop()
    }

    /// Never blocks. What is not `isProbed` is no probe's business and is reported as `unknown`.
    public func start(_ request: ProbeRequest, report: @escaping @Sendable (CheckResult) -> Void) {
        let accepted = self.reactor.submit { [wires, programs, files, digests, groups, journal] reactor in
            guard reactor.isRunning else {
                return Self.report(.unknown("the supervisor is stopping"), to: report)
            }
            let check = request.check
            let key = "\(request.component)/\(check.name)"
            switch check.kind {
            case .http(let http):
                guard let conversation = HTTPConversation(http) else {
                    return Self.report(
                        .down(.misconfigured, "the request's method, target or a header contains a control character"),
                        to: report)
                }
                let peer = Wires.Peer(
                    host: http.host, port: http.port, unixSocket: http.unixSocket, trust: http.tls)
                wires.ask(
                    peer, conversation, timeout: check.timeout, latency: http.expect.latency, on: reactor,
                    report: report)
            case .tcp(let tcp):
                wires.ask(
                    Wires.Peer(host: tcp.host, port: tcp.port), TCPConversation(tcp), timeout: check.timeout,
                    on: reactor, report: report)
            case .exec(let exec):
                programs.start(
                    exec, key: key, timeout: check.timeout,
                    patience: max(check.interval, check.timeout), on: reactor, report: report)
            case .unix(let unix):
                wires.ask(
                    Wires.Peer(host: unix.path, port: 0, unixSocket: unix.path), UnixConversation(),
                    timeout: check.timeout, on: reactor, report: report)
            case .file(let file):
                files.start(
                    key: key, subject: file.path, timeout: check.timeout, on: reactor, report: report
                ) { FileProbe.look(file, digests: digests, deadline: $0) }
            case .certificate(let certificate):
                switch certificate.source {
                case .file(let path):
                    files.start(
                        key: key, subject: path, timeout: check.timeout, on: reactor, report: report
                    ) { _ in CertificateDates.look(atFile: path, expiresAfter: certificate.expiresAfter) }
                case .server(let host, let port):
                    guard
                        let conversation = CertificateConversation(
                            host: host, port: port, expiresAfter: certificate.expiresAfter)
                    else {
                        return Self.report(
                            .unknown("no TLS handshake with \(host) could be begun", reason: .resource), to: report)
                    }
                    wires.ask(
                        Wires.Peer(host: host, port: port), conversation, timeout: check.timeout, on: reactor,
                        report: report)
                }
            case .journal(let lines):
                files.start(
                    key: key, subject: "the journal of \(lines.unit)", timeout: check.timeout, silence: .unknown,
                    on: reactor, report: report
                ) { journal.look(lines, key: key, deadline: $0) }
            case .disk(let disk):
                files.start(
                    key: key, subject: disk.path, timeout: check.timeout, on: reactor, report: report
                ) { _ in DiskProbe.look(disk) }
            case .resources(let resources):
                files.start(
                    key: key, subject: resources.unit, timeout: check.timeout, on: reactor, report: report
                ) { groups.look(resources, key: key, deadline: $0) }
            case .unit, .heartbeat, .composite:
                Self.report(.unknown("a \(check.kind.type) check is not answered by a probe"), to: report)
            }
        }
        if !accepted { Self.report(.unknown("the supervisor is stopping"), to: report) }
    }

    static func report(_ finding: Finding, to report: (CheckResult) -> Void) {
        let now = ProbeClock.now()
        report(
            CheckResult(
                verdict: finding.verdict, failure: finding.failure, startedAt: now, finishedAt: now,
                output: finding.output, retryAfter: finding.retryAfter, share: finding.share))
    }
}
