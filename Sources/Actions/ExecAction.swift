import Policy
import RecoveryEngine
import Systemd

/// EXEC: an operator's program as a sandboxed unit of systemd's, named after the action.
public struct ExecAction: RecoveryAction {
    public static let name = "EXEC"

    private let systemd: SystemdManager
    private let hooks: HookCalls

    public init(_ means: ActionMeans) {
        self.systemd = means.systemd
        self.hooks = means.hooks
    }

    public func run(_ request: ActionRequest) async -> ActionOutcome {
        guard case .exec(let strategy) = request.strategy else {
            return ActionOutcome(.refused, detail: "no command came with it")
        }
        return await self.hooks.run(
            Self.hook(strategy.command, user: strategy.user, of: request), timeout: request.timeout)
    }

    /// A program that is run for a request, as a unit of its own.
    static func hook(_ command: [String], user: String?, of request: ActionRequest) -> Hook {
        Hook(
            unit: Self.unit(of: request),
            description: "Hook of heald for \(request.component), incident \(request.incident)", command: command,
            user: user, environment: Self.environment(of: request))
    }

    public func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        await self.systemd.reconcileHook(Self.unit(of: request), timeout: request.timeout)
    }

    /// Incident and action are numbered once and for all, so that the name is never used again.
    static func unit(of request: ActionRequest) -> String {
        "heald-hook-\(request.incident)-\(request.id).service"
    }

    /// What a hook may want to know.
    private static func environment(of request: ActionRequest) -> [String] {
        [
            "HEALD_COMPONENT=\(request.component)", "HEALD_INCIDENT=\(request.incident)",
            "HEALD_ATTEMPT=\(request.attempt)",
        ]
    }
}
