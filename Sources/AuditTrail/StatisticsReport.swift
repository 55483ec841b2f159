import ResilienceCore

/// `healctl stats`. Figures for which there is no data are `nil`.
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
/// - Drills: an incident that a drill brought about, and those of others that waited for it, are in none of the above, as
///   if they had not been: their time counts as up, and the operating time between failures runs on. Drills are counted
///   by themselves; one that was overtaken or never began is not.
///
/// Means, counts and shares are exact. Percentiles are nearest-rank and within 1 % of the exact value.
public struct StatisticsReport: Hashable, Sendable {
    /// Of durations, in seconds; `nil` where there are none.
    public struct Durations: Hashable, Sendable {
        public var mean: Double?
        public var p50: Double?
        public var p95: Double?

        public init(mean: Double? = nil, p50: Double? = nil, p95: Double? = nil) {
            self.mean = mean
            self.p50 = p50
            self.p95 = p95
        }
    }

    public struct ActionCount: Hashable, Sendable {
        public var action: String
        public var succeeded: Int64
        public var failed: Int64

        public init(action: String, succeeded: Int64, failed: Int64) {
            self.action = action
            self.succeeded = succeeded
            self.failed = failed
        }
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
        /// Drills that came to an end, and those of them that were healed.
        public var drills: Int64
        public var drillsHealed: Int64

        public init(
            incidents: Int64, availability: Double?, mttd: Durations, mttr: Durations, mtbf: Durations,
            healedWithoutHuman: Double?, actions: [ActionCount], drills: Int64 = 0, drillsHealed: Int64 = 0
        ) {
            self.incidents = incidents
            self.availability = availability
            self.mttd = mttd
            self.mttr = mttr
            self.mtbf = mtbf
            self.healedWithoutHuman = healedWithoutHuman
            self.actions = actions
            self.drills = drills
            self.drillsHealed = drillsHealed
        }
    }

    public struct Component: Hashable, Sendable {
        public var component: String
        public var figures: Figures

        public init(component: String, figures: Figures) {
            self.component = component
            self.figures = figures
        }
    }

    public var since: WallTime
    /// All components together.
    public var overall: Figures
    /// In the order of their names: all that were supervised or failed in the window.
    public var components: [Component]

    public init(since: WallTime, overall: Figures, components: [Component]) {
        self.since = since
        self.overall = overall
        self.components = components
    }
}
