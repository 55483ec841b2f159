import RecoveryEngine
import Systemd

/// One kind of repair. A new one is one new file: a type like this, and its name in `ActionRegistry.standard`.
public protocol RecoveryAction: Sendable {
    /// As policies and requests call it: `RESTART`.
    static var name: String { get }

    init(systemd: SystemdManager)

    /// Does it and follows it to its end. Every way to end is an outcome.
    func run(_ request: ActionRequest) async -> ActionOutcome
    /// Finds out what became of one that an earlier run of the supervisor intended. Does nothing itself.
    func reconcile(_ request: ActionRequest) async -> ActionOutcome
}
