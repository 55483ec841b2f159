import RecoveryEngine
import ResilienceCore

/// What the loop needs of the engine. `RecoveryEngine` is the one that decides; the loop is tested with scripted ones,
/// because some of what it must withstand the engine never asks for.
public protocol DecisionEngine: Sendable {
    /// When `Event.deadline` is wanted next, if nothing else happens before.
    var nextDeadline: MonotonicInstant? { get }
    /// The state of the whole host, and why where it is not `running`.
    var hostState: (state: String, reason: String?) { get }
    /// Takes in one event and gives effects in order.
    mutating func handle(_ event: Event, at now: Moment) -> [Effect]
    /// Every component, in name order.
    func componentStatuses(at now: Moment) -> [ComponentSnapshot]
    /// Why a component's own unit cannot take its place again just now; `nil` where it can.
    func obstacleToFailback(of name: String, at now: Moment) -> String?
    /// Whether a drill may be done now; `nil` where no component has the name.
    func drillVerdict(on name: String, _ fault: DrillFault, at now: Moment) -> DrillVerdict?
    /// The last drill, under way or over.
    var drill: SavedDrill? { get }
    /// What heartbeats of a component can be for; `nil` where no component has the name.
    func heartbeatTarget(_ component: String) -> HeartbeatTarget?
    func figures(at now: Moment) -> EngineFigures
    /// What the host does without; `nil` where the policy declares no levels.
    var degradation: DegradationSnapshot? { get }
}

extension RecoveryEngine: DecisionEngine {}
