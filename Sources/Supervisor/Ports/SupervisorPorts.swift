/// Everything outside that the supervisor works with.
public struct SupervisorPorts: Sendable {
    public var clock: any SupervisorClock
    public var observer: any UnitObserver
    public var actions: any ActionRunner
    public var prober: any Prober
    public var evidence: any EvidenceSource
    public var releases: any ReleaseSource
    public var store: any AuditStore
    public var alerts: any AlertDispatcher
    public var notifier: any ServiceNotifier
    public var policies: any PolicySource
    /// An operator's switch that works when nothing else does. While it is on, nothing is acted on.
    public var pauseSwitch: any PauseSwitch
    public var degradation: any DegradationPublisher

    public init(
        clock: any SupervisorClock, observer: any UnitObserver, actions: any ActionRunner, prober: any Prober,
        evidence: any EvidenceSource, releases: any ReleaseSource, store: any AuditStore, alerts: any AlertDispatcher,
        notifier: any ServiceNotifier,
        policies: any PolicySource, pauseSwitch: any PauseSwitch, degradation: any DegradationPublisher
    ) {
        self.clock = clock
        self.observer = observer
        self.actions = actions
        self.prober = prober
        self.evidence = evidence
        self.releases = releases
        self.store = store
        self.alerts = alerts
        self.notifier = notifier
        self.policies = policies
        self.pauseSwitch = pauseSwitch
        self.degradation = degradation
    }
}

/// A switch on the machine itself, such as a file, that pauses all repairs.
public protocol PauseSwitch: Sendable {
    /// Asked in each turn of the loop: it has to be as cheap as one system call, and must not block.
    var isOn: Bool { get }
    /// Where it is, for people.
    var name: String { get }
}
