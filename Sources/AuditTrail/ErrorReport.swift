import Resilience
import ResilienceCore

/// What failed again and again: errors that are the same, counted together.
public struct ErrorReport: Sendable {
    /// One error: the same class from the same source of the same component, with a message that differs in numbers and
    /// quoted words only.
    public struct Pattern: Sendable {
        public var component: String
        /// The check that saw it, or the action that failed.
        public var source: String
        /// Of a check, why it failed (`timeout`); of an action, how it ended (`action_failed`, `action_timed_out`,
        /// `action_interrupted`, `action_refused`), or `not_verified` where it was done and did not help.
        public var errorClass: String
        /// The category of the reason (`TRANSIENT`); `nil` for actions.
        public var category: String?
        /// With `#` for what differs.
        public var message: String
        public var count: Int
        /// How often within the last window.
        public var recent: Int
        public var firstAt: WallTime
        public var lastAt: WallTime
        public var trend: ErrorTrend
        /// The mean time from one return to the next; `nil` where it came back less than twice.
        public var recursEvery: Duration?
        /// The newest incident that it belongs to.
        public var incident: Int64

        public init(
            component: String, source: String, errorClass: String, category: String?, message: String, count: Int,
            recent: Int, firstAt: WallTime, lastAt: WallTime, trend: ErrorTrend, recursEvery: Duration?, incident: Int64
        ) {
            self.component = component
            self.source = source
            self.errorClass = errorClass
            self.category = category
            self.message = message
            self.count = count
            self.recent = recent
            self.firstAt = firstAt
            self.lastAt = lastAt
            self.trend = trend
            self.recursEvery = recursEvery
            self.incident = incident
        }
    }

    public var since: WallTime
    /// What counts as recent, and what a trend compares with what was before: a day, or half of a shorter time.
    public var window: Duration
    /// The most frequent within the last window first.
    public var patterns: [Pattern]
    /// Older errors than so many were not looked at.
    public var isPartial: Bool

    public init(since: WallTime, window: Duration, patterns: [Pattern], isPartial: Bool) {
        self.since = since
        self.window = window
        self.patterns = patterns
        self.isPartial = isPartial
    }
}
