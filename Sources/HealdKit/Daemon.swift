import Alerting
import AuditTrail
import ControlAPI
import Glibc
import Logging
import Policy
import Probes
import RecoveryEngine
import ResilienceCore
import Supervisor

/// heald from its start to its end.
public struct Daemon: Sendable {
    /// What reaches a running daemon from outside of its loop.
    public enum Cue: Hashable, Sendable {
        /// SIGHUP: read the policies again.
        case reload
        /// SIGTERM, SIGINT: end. The name of the signal.
        case end(String)
        /// The audit trail, which could not be opened at the start, can be.
        case trailIsBack
    }

    /// Makes the adapters of the host; they put what they see into the sink.
    public typealias MakeHost = @Sendable (HealdSettings, Logger, @escaping EventSink) throws -> HostAdapters

    let settings: HealdSettings
    let version: String
    let logger: Logger
    let metering: Metering
    let makeHost: MakeHost

    public init(
        settings: HealdSettings, version: String, logger: Logger, metering: Metering, makeHost: @escaping MakeHost
    ) {
        self.metering = metering
        self.settings = settings
        self.version = version
        self.logger = logger
        self.makeHost = makeHost
    }

    /// Runs until a cue ends it.
    ///
    /// The order is: state lock, audit trail, policy, what earlier runs left, loop, bus, control socket, `READY=1`. The
    /// bus need not be there: what is not known of units is not acted on.
    ///
    /// - Parameters:
    ///   - cues: in the order in which they came.
    ///   - cue: adds one.
    /// - Throws: `StartError`.
    public func run(
        cues: AsyncStream<Cue>, cue: @escaping @Sendable (Cue) -> Void
    ) async throws(StartError) -> ExitStatus {
        let running = try await self.start(cue: cue)
        running.notifier.notify("READY=1")
        StartupMemory.release()
        self.logger.notice(
            "Ready",
            metadata: ["policies": "\(self.settings.policies)", "state-directory": "\(self.settings.stateDirectory)"])
        for await cue in cues {
            switch cue {
            case .reload:
                // Signals that come meanwhile wait; each reads the files as they are then.
                _ = await running.supervisor.reload(by: "SIGHUP")
            case .end(let reason):
                await running.end(reason: reason)
                return .success
            case .trailIsBack:
                self.logger.notice("The audit trail can be written again; heald starts anew with it")
                await running.end(reason: "to start anew with the audit trail")
                return .tryAgain
            }
        }
        await running.end(reason: "nobody is left to give cues")
        return .success
    }

    private func start(cue: @escaping @Sendable (Cue) -> Void) async throws(StartError) -> RunningDaemon {
        let clock = SystemClock()
        let startedAt = clock.now().wall
        try Directories.ensure(self.settings.stateDirectory, mode: 0o750, flag: "--state-dir")
        try Directories.ensure(self.settings.runtimeDirectory, mode: 0o755, flag: "--runtime-dir")
        let listener = try self.httpListener()
        let damage = DamageReports(logger: self.logger)
        let trail = try TrailOpening.open(
            self.settings.stateDirectory, now: startedAt, onDamage: { damage.report($0) },
            onBack: { cue(.trailIsBack) })
        let policies = PolicyDirectory(self.settings.policies, overrides: self.settings.overrides)
        let (policy, warnings) = try self.firstPolicy(policies)
        let restored = try self.restored(trail)

        let inbox = SupervisorInbox()
        let host = try self.host(inbox.sink)
        let delivery = try self.delivery(trail, host.journal, clock)
        let prober = try self.prober()
        let supervisor = Supervisor(
            engine: RecoveryEngine(seed: Self.seed(), localOffset: LocalTime.offset),
            ports: SupervisorPorts(
                clock: clock, observer: host.observer, actions: host.actions, prober: prober, evidence: host.evidence,
                releases: host.releases,
                store: trail.store, alerts: delivery, notifier: host.notifier, policies: policies,
                pauseSwitch: PauseFile(runtimeDirectory: self.settings.runtimeDirectory),
                degradation: DegradationFileWriter(
                    runtimeDirectory: self.settings.runtimeDirectory, logger: self.logger)),
            options: SupervisorOptions(
                version: self.version, processID: getpid(), startedAt: startedAt,
                overrides: self.settings.overrides.inForce),
            inbox: inbox, logger: self.logger)
        do {
            try await supervisor.start(policy: policy, warnings: warnings, restored: restored)
        } catch {
            throw StartError(.failed, ["\(error)"])
        }
        damage.send(to: supervisor)
        let deliveries = Task { await delivery.run() }
        let control = self.control(supervisor, listener)
        let serving: Task<Void, Never>
        do {
            serving = try await control.start()
        } catch {
            await supervisor.end(reason: "the control API could not be served")
            deliveries.cancel()
            throw error
        }
        return RunningDaemon(
            supervisor: supervisor, notifier: host.notifier, prober: prober, control: control, serving: serving,
            deliveries: deliveries,
            database: trail.database, logger: self.logger)
    }

    private func httpListener() throws(StartError) -> HTTPListener? {
        guard let text = self.settings.http else { return nil }
        do {
            return try HTTPListener(text)
        } catch {
            throw StartError(.usage, [error.description])
        }
    }

    private func firstPolicy(_ policies: PolicyDirectory) throws(StartError) -> (PolicySnapshot, [String]) {
        switch policies.load() {
        case .loaded(let snapshot, let warnings): return (snapshot, warnings)
        case .refused(let errors):
            let count = errors.count == 1 ? "1 problem" : "\(errors.count) problems"
            throw StartError(
                .badPolicy,
                errors + [
                    "heald does not start: \(count) in \(self.settings.policies). `healctl policy check` shows them."
                ])
        }
    }

    private func restored(_ trail: Trail) throws(StartError) -> RestoredState {
        do {
            return try trail.store.restore()
        } catch {
            throw StartError(.failed, ["Could not read what earlier runs left behind. \(error)"])
        }
    }

    private func host(_ sink: @escaping EventSink) throws(StartError) -> HostAdapters {
        do {
            return try self.makeHost(self.settings, self.logger, sink)
        } catch {
            throw StartError(.failed, ["Could not prepare to talk to systemd. \(error)"])
        }
    }

    private func delivery(
        _ trail: Trail, _ journal: any JournalSink, _ clock: any SupervisorClock
    ) throws(StartError) -> AlertDelivery {
        do {
            return try AlertDelivery(
                outbox: trail.outbox, journal: journal, clock: clock,
                options: AlertDelivery.Options(
                    host: Self.hostName(), seed: Self.seed(), metrics: self.metering.calls))
        } catch {
            throw StartError(.failed, ["Could not prepare to deliver alerts. \(error)"])
        }
    }

    private func prober() throws(StartError) -> SystemProber {
        do {
            return try SystemProber()
        } catch {
            throw StartError(.failed, ["Could not prepare to run checks. \(error)"])
        }
    }

    private func control(_ supervisor: Supervisor, _ listener: HTTPListener?) -> ControlSocketService {
        var configuration = ControlServerConfiguration(
            runtimeDirectory: self.settings.runtimeDirectory, version: self.version)
        configuration.http = listener
        configuration.metrics = ControlMetrics(registry: self.metering.registry, calls: self.metering.calls)
        return ControlSocketService(control: supervisor, configuration: configuration, logger: self.logger)
    }

    private static func seed() -> UInt64 { UInt64.random(in: .min ... .max) }

    private static func hostName() -> String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
        return String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// A daemon that said that it is ready.
struct RunningDaemon: Sendable {
    let supervisor: Supervisor
    let notifier: any ServiceNotifier
    let prober: SystemProber
    let control: ControlSocketService
    let serving: Task<Void, Never>
    let deliveries: Task<Void, Never>
    let database: AuditDatabase?
    let logger: Logger

    /// Takes no more requests, then no more events; what is in flight gets a moment; then the trail is closed.
    func end(reason: String) async {
        self.notifier.notify("STOPPING=1")
        await self.control.end()
        await self.supervisor.end(reason: reason)
        self.prober.stop()
        self.deliveries.cancel()
        await self.deliveries.value
        await self.serving.value
        do {
            try self.database?.close()
        } catch {
            self.logger.error("The audit trail could not be closed", metadata: ["error": "\(error)"])
        }
    }
}
