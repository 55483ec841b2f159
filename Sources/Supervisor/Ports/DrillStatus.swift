import RecoveryEngine
import ResilienceCore

/// Whether a drill may be done, and what it would come to; stable JSON.
public struct DrillPlan: Hashable, Sendable, Codable {
    public var component: String
    public var fault: DrillFault
    public var unit: String?
    public var mainPID: Int32
    /// Nothing speaks against it.
    public var safe: Bool
    public var obstacles: [DrillObstacle]
    /// Checks that would notice.
    public var noticedBy: [String]
    /// The first step that would repair it.
    public var firstRepair: String?
    public var noticeWithinMs: Double
    public var healWithinMs: Double

    public init(
        component: String, fault: DrillFault, unit: String?, mainPID: Int32, obstacles: [DrillObstacle],
        noticedBy: [String], firstRepair: String?, noticeWithinMs: Double, healWithinMs: Double
    ) {
        self.component = component
        self.fault = fault
        self.unit = unit
        self.mainPID = mainPID
        self.safe = obstacles.isEmpty
        self.obstacles = obstacles
        self.noticedBy = noticedBy
        self.firstRepair = firstRepair
        self.noticeWithinMs = noticeWithinMs
        self.healWithinMs = healWithinMs
    }

    init(_ verdict: DrillVerdict) {
        self.init(
            component: verdict.component, fault: verdict.fault, unit: verdict.unit, mainPID: verdict.mainPID,
            obstacles: verdict.obstacles, noticedBy: verdict.noticedBy, firstRepair: verdict.firstRepair,
            noticeWithinMs: verdict.noticeWithin.inMilliseconds, healWithinMs: verdict.healWithin.inMilliseconds)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.component, forKey: .component)
        try container.encode(self.fault, forKey: .fault)
        try container.encode(self.unit, forKey: .unit)
        try container.encode(self.mainPID, forKey: .mainPID)
        try container.encode(self.safe, forKey: .safe)
        try container.encode(self.obstacles, forKey: .obstacles)
        try container.encode(self.noticedBy, forKey: .noticedBy)
        try container.encode(self.firstRepair, forKey: .firstRepair)
        try container.encode(self.noticeWithinMs, forKey: .noticeWithinMs)
        try container.encode(self.healWithinMs, forKey: .healWithinMs)
    }
}

/// The last drill; stable JSON. Times are milliseconds since the fault went in, `null` where it has not come so far.
public struct DrillStatus: Hashable, Sendable, Codable {
    public var id: Int64
    public var component: String
    public var fault: DrillFault
    public var unit: String
    public var mainPID: Int32
    public var by: String
    public var reason: String?
    /// `running`, or how it ended: `healed`, `notHealed`, `notNoticed`, `notInjected`, `interrupted`.
    public var state: String
    /// Why it ended so.
    public var detail: String?
    public var begunAt: String
    public var injectedAt: String?
    public var endedAt: String?
    public var incident: Int64?
    /// Who made it well.
    public var healer: Healer?
    /// The last repair.
    public var action: String?
    /// Repairs that were begun.
    public var repairs: Int
    public var noticedMs: Double?
    public var decidedMs: Double?
    /// The first repair was handed to systemd; `null` also where heald was started anew since.
    public var sentMs: Double?
    public var repairedMs: Double?
    public var upMs: Double?
    public var provenMs: Double?

    public static let running = "running"

    public init(
        id: Int64, component: String, fault: DrillFault, unit: String, mainPID: Int32, by: String, reason: String?,
        state: String, begunAt: String
    ) {
        self.id = id
        self.component = component
        self.fault = fault
        self.unit = unit
        self.mainPID = mainPID
        self.by = by
        self.reason = reason
        self.state = state
        self.begunAt = begunAt
        self.repairs = 0
    }

    /// - Parameter sentAt: when the first repair went out.
    init(_ drill: SavedDrill, sentAt: WallTime?) {
        self.init(
            id: drill.id, component: drill.component, fault: drill.cause.fault, unit: drill.unit,
            mainPID: drill.mainPID, by: drill.cause.by, reason: drill.cause.reason,
            state: drill.isUnderWay ? Self.running : drill.outcome?.rawValue ?? Self.running,
            begunAt: drill.begunAt.rfc3339)
        self.detail = drill.detail
        self.injectedAt = drill.faultAt?.rfc3339
        self.endedAt = drill.endedAt?.rfc3339
        self.incident = drill.incident
        self.healer = drill.healer
        self.action = drill.actionName
        self.repairs = drill.repairs
        guard let begin = drill.faultAt else { return }
        func since(_ time: WallTime?) -> Double? { time.map { max(.zero, $0 - begin).inMilliseconds } }
        self.noticedMs = since(drill.noticedAt)
        self.decidedMs = since(drill.decidedAt)
        self.sentMs = since(sentAt)
        self.repairedMs = since(drill.repairedAt)
        self.upMs = since(drill.upAt)
        self.provenMs = since(drill.provenAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.id, forKey: .id)
        try container.encode(self.component, forKey: .component)
        try container.encode(self.fault, forKey: .fault)
        try container.encode(self.unit, forKey: .unit)
        try container.encode(self.mainPID, forKey: .mainPID)
        try container.encode(self.by, forKey: .by)
        try container.encode(self.reason, forKey: .reason)
        try container.encode(self.state, forKey: .state)
        try container.encode(self.detail, forKey: .detail)
        try container.encode(self.begunAt, forKey: .begunAt)
        try container.encode(self.injectedAt, forKey: .injectedAt)
        try container.encode(self.endedAt, forKey: .endedAt)
        try container.encode(self.incident, forKey: .incident)
        try container.encode(self.healer, forKey: .healer)
        try container.encode(self.action, forKey: .action)
        try container.encode(self.repairs, forKey: .repairs)
        try container.encode(self.noticedMs, forKey: .noticedMs)
        try container.encode(self.decidedMs, forKey: .decidedMs)
        try container.encode(self.sentMs, forKey: .sentMs)
        try container.encode(self.repairedMs, forKey: .repairedMs)
        try container.encode(self.upMs, forKey: .upMs)
        try container.encode(self.provenMs, forKey: .provenMs)
    }
}

/// What the answer to a request for a drill says.
public struct DrillAnswer: Hashable, Sendable, Codable {
    public var plan: DrillPlan
    /// The drill that was begun; `nil` where it was only asked about.
    public var drill: DrillStatus?

    public init(plan: DrillPlan, drill: DrillStatus?) {
        self.plan = plan
        self.drill = drill
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.plan, forKey: .plan)
        try container.encode(self.drill, forKey: .drill)
    }
}

extension Duration {
    /// Whole microseconds, as milliseconds.
    fileprivate var inMilliseconds: Double { Double(self.inNanoseconds / 1_000) / 1_000 }
}
