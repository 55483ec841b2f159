import RecoveryEngine
import Resilience
import ResilienceCore
import Systemd

/// What actions act through.
public struct ActionMeans: Sendable {
    public let systemd: SystemdManager
    public let files: FileCalls
    let hooks: HookCalls

    /// - Parameter calls: counts what goes through the Resilience library.
    public init(systemd: SystemdManager, calls: CallMetrics? = nil) throws(SettingsError) {
        self.systemd = systemd
        self.files = try FileCalls(metrics: calls)
        self.hooks = try HookCalls(systemd: systemd, metrics: calls)
    }
}

/// One kind of repair. A new one is one new file: a type like this, and its name in `ActionRegistry.standard`.
public protocol RecoveryAction: Sendable {
    /// As policies and requests call it: `RESTART`.
    static var name: String { get }

    init(_ means: ActionMeans)

    /// Does it and follows it to its end. Every way to end is an outcome.
    func run(_ request: ActionRequest) async -> ActionOutcome
    /// Finds out what became of one that an earlier run of the supervisor intended. Does nothing itself.
    func reconcile(_ request: ActionRequest) async -> ActionOutcome
}
