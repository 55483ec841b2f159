import ResilienceCore

/// `healctl stats`. Its JSON form is stable; figures for which there is no data are `null`.
///
/// What is counted:
/// - Incidents that failed at or after `since`, resolved or not. Times add up over all of them, those that a dependency
///   brought about included; MTTR has only resolved ones.
/// - MTTD: `detectedAt − failedAt`. MTTR: `resolvedAt − failedAt`, the time to restoration of IEC 60050-192 (192-07-23),
///   detection included. Neither is ever negative.
/// - MTBF: operating time between failures (IEC 60050-192, 192-05-13), that is known time from the end of one failure of
///   the component's own to the beginning of the next. An incident that a dependency explains is downtime, but no
///   failure of its own.
/// - Availability: up ÷ (up + down). Down is the time of incidents within the window, whenever they began; unknown time
///   (the supervisor did not run, the component was not supervised, or its time did not count) is neither.
/// - `healedWithoutHuman`: of the resolved incidents that a healer ended, the share that heald or systemd did. Those that
///   came back with their dependency, or were withdrawn, have no healer of their own and are left out.
/// - Actions: done and, where it was verified, held, is `succeeded`; failed, timed out or did not hold is `failed`; what
///   was not done, or is not known, is neither. They count with their incident.
///
/// Means, counts and shares are exact. Percentiles are nearest-rank and within 1 % of the exact value.
public struct StatisticsReport: Hashable, Sendable, Encodable {
    public struct Durations: Hashable, Sendable, Encodable {
        /// Seconds.
        public var mean: Double?
        public var p50: Double?
        public var p95: Double?

        enum CodingKeys: String, CodingKey { case mean, p50, p95 }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(self.mean, forKey: .mean)
            try container.encode(self.p50, forKey: .p50)
            try container.encode(self.p95, forKey: .p95)
        }
    }

    public struct ActionCount: Hashable, Sendable, Encodable {
        public var action: String
        public var succeeded: Int64
        public var failed: Int64
    }

    public struct Figures: Hashable, Sendable {
        public var incidents: Int64
        /// 0...1
        public var availability: Double?
        public var mttd: Durations
        public var mttr: Durations
        public var mtbf: Durations
        /// 0...1
        public var healedWithoutHuman: Double?
        /// In the order of their names.
        public var actions: [ActionCount]
    }

    public struct Component: Hashable, Sendable, Encodable {
        public var component: String
        public var figures: Figures

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Figures.CodingKeys.self)
            try container.encode(self.component, forKey: .component)
            try self.figures.encode(into: &container)
        }
    }

    public var since: WallTime
    public var overall: Figures
    /// In the order of their names: all that were supervised or failed in the window.
    public var components: [Component]

    enum CodingKeys: String, CodingKey { case since, overall, components }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(CivilTime.rfc3339(self.since), forKey: .since)
        try container.encode(self.overall, forKey: .overall)
        try container.encode(self.components, forKey: .components)
    }
}

extension StatisticsReport.Figures: Encodable {
    enum CodingKeys: String, CodingKey {
        case component, incidents, availability, mttd, mttr, mtbf, healedWithoutHuman, actions
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try self.encode(into: &container)
    }

    func encode(into container: inout KeyedEncodingContainer<CodingKeys>) throws {
        try container.encode(self.incidents, forKey: .incidents)
        try container.encode(self.availability, forKey: .availability)
        try container.encode(self.mttd, forKey: .mttd)
        try container.encode(self.mttr, forKey: .mttr)
        try container.encode(self.mtbf, forKey: .mtbf)
        try container.encode(self.healedWithoutHuman, forKey: .healedWithoutHuman)
        try container.encode(self.actions, forKey: .actions)
    }
}
