import Policy
import ResilienceCore

/// Everything a simulated run begins with; it follows from the seed alone.
struct Scenario: Sendable {
    /// What kinds of things happen in it.
    enum Theme: String, CaseIterable, Sendable {
        /// The services are well; only the supervisor and the machine are disturbed. Nothing may be repaired.
        case quiet
        /// One thing breaks.
        case single
        /// Many things break, now and then.
        case busy
        /// Something that others need breaks.
        case dependency
        /// Most of the host breaks at once.
        case massFailure
        /// People interfere.
        case operators
        /// The supervisor dies again and again.
        case crashes
        /// All of it.
        case everything
    }

    struct UnitNature: Sendable {
        var name: String
        var startup: SimulatedUnit.Startup
        var bootTime: Duration
        var stopTime: Duration
        var ownRestart: Duration?
        /// It is started with the machine.
        var isEnabled = true
        /// By its file.
        var requires: [String] = []
    }

    var seed: UInt64
    var theme: Theme
    /// The first is loaded at the beginning; the others by reloads.
    var policies: [PolicySnapshot]
    var units: [UnitNature]
    var disturbances: [(at: Duration, what: Disturbance)]
    /// After this nothing is disturbed any more.
    var calmAt: Duration
    /// By then everything that can be well must be.
    var end: Duration

    /// The unit of nobody else: what a restart of it cures.
    static func unitName(of component: String) -> String { "\(component).service" }
}
