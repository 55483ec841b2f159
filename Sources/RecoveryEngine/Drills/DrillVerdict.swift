import ResilienceCore

/// Whether a drill may be done now, and what it would come to.
public struct DrillVerdict: Hashable, Sendable {
    public var component: String
    public var fault: DrillFault
    /// The unit that the fault goes into; `nil` where the component has none.
    public var unit: String?
    public var mainPID: Int32
    /// Everything that speaks against it; empty: it may be done.
    public var obstacles: [DrillObstacle]
    /// Checks that would notice.
    public var noticedBy: [String]
    /// The first step that would repair it.
    public var firstRepair: String?
    /// How long a check has to notice it, and from then on heald to heal it.
    public var noticeWithin: Duration
    public var healWithin: Duration

    public var isSafe: Bool { self.obstacles.isEmpty }
}

/// One reason against a drill.
public struct DrillObstacle: Hashable, Sendable, Codable {
    /// Names in the stable JSON.
    public enum Kind: String, CaseIterable, Hashable, Sendable, Codable {
        case noUnit, unitNotRunning, protectedUnit, noCheck, unnoticed, noRepair
        case notHealthy, openIncident, recentIncident, startupGrace, latched
        case mode, paused, maintenance, unrecorded, blind, disconnected, frozen, storm, degraded
        case breaker, inFlight, concurrency, budget, tooFewHealthy, tooManyUnhealthy
        case dependentUnhealthy, dependencyUnhealthy, drillUnderWay
    }

    public var kind: Kind
    /// For a person; begins in lower case and ends without a full stop.
    public var text: String

    public init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
}
