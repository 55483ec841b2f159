import RecoveryEngine
import Resilience
import ResilienceCore
import Systemd

/// Operators' programs, run as units of systemd's.
///
/// systemd ends a program, and all that it has started, when its time is up. This is for the case that systemd itself does
/// not come back: then nobody waits for it any longer. Nothing is repeated: what a program did must be known first.
struct HookCalls: Sendable {
    /// For systemd to end the program and to tell how it ended.
    private static let patience = Duration.seconds(10)

    private let systemd: SystemdManager
    private let timeout: Timeout<ContinuousClock>
    private let metrics: CallMetrics?

    /// - Parameter metrics: counts the programs, as `hook`; one that did not succeed has failed.
    init(systemd: SystemdManager, metrics: CallMetrics?) throws(SettingsError) {
        self.systemd = systemd
        // Each call brings a limit of its own.
        self.timeout = try Timeout(.seconds(60), clock: ContinuousClock())
        self.metrics = metrics
    }

    func run(_ hook: Hook, timeout limit: Duration) async -> ActionOutcome {
        let began = ContinuousClock.now
        do throws(CallError) {
            let outcome = try await self.timeout.call("hook", within: limit + Self.patience) { [systemd] in
                let outcome = await systemd.run(hook, timeout: limit)
                guard outcome.result == .succeeded else { throw HookDidNotSucceed(outcome: outcome) }
                return outcome
            }
            self.metrics?.succeeded("hook", took: ContinuousClock.now - began)
            return outcome
        } catch {
            self.metrics?.failed("hook", error, took: ContinuousClock.now - began)
            if let ended = error.cause as? HookDidNotSucceed { return ended.outcome }
            return ActionOutcome(
                error.code == .timedOut ? .timedOut : .interrupted,
                detail: "\(hook.unit) was waited for in vain: \(error); see journalctl -u \(hook.unit)")
        }
    }
}

/// It ended otherwise than well, or was not begun.
private struct HookDidNotSucceed: Error {
    var outcome: ActionOutcome
}
