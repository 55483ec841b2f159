import RecoveryEngine
import ResilienceCore

/// One thing that goes wrong, or that somebody does, at a moment of a scenario.
enum Disturbance: Hashable, Sendable {
    // Units and endpoints.
    case die(unit: String, Death)
    case ail(unit: String, EndpointState)
    case trouble(component: String, EndpointState, for: Duration)
    case breakUnit(unit: String, forGood: Bool)
    case crashLoop(unit: String, times: Int)
    case slowBoot(unit: String, Duration)
    case neverReady(unit: String)
    // People.
    case operatorStop(unit: String)
    case operatorStart(unit: String)
    case operatorRestart(unit: String)
    case pause(component: String?, for: Duration)
    case resume(component: String?)
    case checkNow(component: String)
    case acknowledge(component: String)
    case drill(component: String, DrillFault)
    case reloadPolicy(index: Int)
    case fact(FactDisturbance)
    // The machine and the supervisor itself.
    /// Whoever is asked over the network does not answer, however well it is.
    case networkLoss(for: Duration)
    case busLoss(for: Duration)
    case daemonReload(for: Duration)
    case stall(for: Duration)
    case suspend(for: Duration)
    case wallJump(by: Duration)
    case diskFull(for: Duration)
    case crashSupervisor(CrashPoint, downFor: Duration)
    case reboot(downFor: Duration)

    enum Death: Hashable, Sendable {
        case killed(signal: Int32), dumped(signal: Int32), exited(status: Int32), outOfMemory
    }
}

/// Where in its work the supervisor dies. All but `now` wait for the next batch that asks for an action.
enum CrashPoint: String, CaseIterable, Hashable, Sendable {
    case now
    case beforeCommit
    case afterCommit
    case amidEffects
    case amidAction
    case beforeOutcomeIsHeard
}
