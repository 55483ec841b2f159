import Actions
import Logging
import Resilience
import Supervisor
import Systemd

/// What reaches the machine that heald runs on. Tests bring their own.
public struct HostAdapters: Sendable {
    public var observer: any UnitObserver
    public var actions: any ActionRunner
    public var evidence: any EvidenceSource
    public var releases: any ReleaseSource
    public var journal: any JournalSink
    public var notifier: any ServiceNotifier

    public init(
        observer: any UnitObserver, actions: any ActionRunner, evidence: any EvidenceSource,
        releases: any ReleaseSource, journal: any JournalSink, notifier: any ServiceNotifier
    ) {
        self.observer = observer
        self.actions = actions
        self.evidence = evidence
        self.releases = releases
        self.journal = journal
        self.notifier = notifier
    }
}

extension HostAdapters {
    /// The real ones.
    ///
    /// - Parameter calls: counts what goes through the Resilience library.
    /// - Throws: `SystemdError` where the process may have no more descriptors or threads. A bus that is absent is waited
    ///   for.
    public static func systemd(
        _ settings: HealdSettings, logger: Logger, calls: CallMetrics, sink: @escaping EventSink
    ) throws -> HostAdapters {
        let manager = try SystemdManager(address: BusAddress(settings.bus), logger: logger, sink: sink)
        let means = try ActionMeans(systemd: manager, calls: calls)
        return HostAdapters(
            observer: manager, actions: ActionRegistry(means), evidence: try JournalEvidence(metrics: calls),
            releases: ReleaseFiles(means.files), journal: JournalWriter(), notifier: SystemdNotifier())
    }
}
