import Policy
import ResilienceCore

/// Everything that can happen to the engine.
public enum Event: Hashable, Sendable {
    /// The process has started; what earlier runs wrote down is handed over. Comes once, after the first `policyLoaded`.
    case started(RestoredState)
    /// A checked policy takes effect, whole.
    case policyLoaded(PolicySnapshot, generation: Int)
    /// systemd said something of a watched unit.
    case unitObserved(unit: String, UnitObservation)
    /// Nothing is known of any unit for now: the bus is gone, or systemd is reloading.
    case unitsUnknown(why: String)
    /// A probe that the engine asked for has answered.
    case probeFinished(id: UInt64, component: String, check: String, CheckResult)
    /// A component's program reports that it works: to one of its heartbeat checks, or (`nil`) to all.
    case beat(component: String, check: String?)
    /// What `Effect.lookAtRelease` asked for.
    case releaseSeen(component: String, ReleaseObservation)
    /// What `Effect.lookAtFreezer` asked for; `nil`: systemd could not be asked.
    case freezerSeen(unit: String, FreezerObservation?)
    /// An action has ended, or what became of it after a crash is known.
    case actionFinished(id: Int64, ActionOutcome)
    /// `RecoveryEngine.nextDeadline` has come.
    case deadline
    /// The supervisor itself did not run for this long: evidence gathered meanwhile is doubtful.
    case stalled(Duration)
    /// The audit trail cannot be written (`nil`: can be written again).
    case recordingFailed(why: String?)
    case operatorAsked(OperatorRequest)
}

/// What an operator can ask of a running supervisor.
public enum OperatorRequest: Hashable, Sendable {
    /// No actions until the end: of one component, or of all where `component` is `nil`. Always ends by itself.
    case pause(component: String?, for: Duration, by: String, reason: String)
    /// Ends a pause, lets a latched or exhausted component begin again, and takes a stopped one back into care.
    case resume(component: String?, by: String)
    /// A component that comes and goes is repaired again, whatever it did until now.
    case acknowledge(component: String, by: String)
    /// Do the step that waits under this number (`mode: approve`).
    case approve(id: Int64, by: String, reason: String?)
    /// Skip it.
    case deny(id: Int64, by: String, reason: String?)
    /// Let a component's own unit take its place again, which a standby has taken.
    case failBack(component: String, by: String)
    /// Put a fault into a component that is well, to see it healed. Nothing happens where `drillVerdict` speaks against it.
    case drill(component: String, DrillFault, by: String, reason: String?)
    /// Run all checks of a component now.
    case checkNow(component: String)
}
