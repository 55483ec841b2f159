import RecoveryEngine
import Supervisor

/// Carries out requests by handing them to the action of that name.
///
/// ALERT and HEALTH_CHECK are no actions here: the engine does them itself.
public struct ActionRegistry: ActionRunner {
    /// Every action there is.
    public static let standard: [any RecoveryAction.Type] = [
        RestartAction.self, ResetConnectionAction.self, ExecAction.self, ClearCacheAction.self, RollbackAction.self,
        FailoverAction.self, SwitchEndpointAction.self, ScaleUpAction.self, ScaleDownAction.self,
        CircuitBreakAction.self, ReduceLoadAction.self, DegradeAction.self, DrillAction.self,
    ]

    private let actions: [String: any RecoveryAction]

    /// - Parameter actions: of two with the same name the later one counts.
    public init(_ means: ActionMeans, actions: [any RecoveryAction.Type] = Self.standard) {
        var byName: [String: any RecoveryAction] = [:]
        for action in actions { byName[action.name] = action.init(means) }
        self.actions = byName
    }

    /// The names of the actions that can be run, sorted.
    public var names: [String] { self.actions.keys.sorted() }

    public func run(_ request: ActionRequest) async -> ActionOutcome {
        guard let action = self.actions[request.action] else {
            return ActionOutcome(.failed, detail: "nothing was done: \(self.unknown(request))")
        }
        return await action.run(request)
    }

    public func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        guard let action = self.actions[request.action] else {
            return ActionOutcome(.interrupted, detail: "what became of it is not known: \(self.unknown(request))")
        }
        return await action.reconcile(request)
    }

    private func unknown(_ request: ActionRequest) -> String {
        "this version has no action \(request.action), only \(self.names.joined(separator: ", "))"
    }
}
