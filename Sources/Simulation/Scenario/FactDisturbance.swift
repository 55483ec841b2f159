import ResilienceCore

/// What goes wrong, or what somebody does, with standbys, releases and instances.
enum FactDisturbance: Hashable, Sendable {
    /// Somebody rolls out a release, which may be flawed.
    case deploy(component: String, release: String, SimulatedReleases.Flaw?)
    /// The next stops of the unit take so long; some processes do not even die of SIGKILL meanwhile.
    case hangInStop(unit: String, Duration, survivesKill: Bool)
    /// So many instances are needed for a while.
    case overload(component: String, instances: Int, for: Duration)
    /// Somebody makes another member the active one.
    case operatorFailover(component: String, to: String)
    /// An operator asks for the own unit to take its place again.
    case failBack(component: String)
    /// Somebody freezes a unit, or thaws it.
    case freezeByHand(unit: String, Bool)
    /// A unit's file requires others from now on, and systemd is told.
    case require(unit: String, [String])
}
