import GRDB
import ResilienceCore

/// From (included) to (excluded), microseconds.
struct Interval: Hashable {
    var from: Int64
    var to: Int64
    var length: Int64 { max(0, self.to - self.from) }
}

/// Sets of instants, as sorted intervals that do not touch.
struct TimeSet: Hashable {
    private(set) var intervals: [Interval]

    init(_ intervals: [Interval]) {
        var merged: [Interval] = []
        for interval in intervals.filter({ $0.from < $0.to }).sorted(by: { $0.from < $1.from }) {
            if let last = merged.last, interval.from <= last.to {
                merged[merged.count - 1].to = max(last.to, interval.to)
            } else {
                merged.append(interval)
            }
        }
        self.intervals = merged
    }

    var length: Int64 { self.intervals.reduce(0) { $0 + $1.length } }

    func intersection(_ other: TimeSet) -> TimeSet {
        var result: [Interval] = []
        var left = 0
        var right = 0
        while left < self.intervals.count, right < other.intervals.count {
            let (a, b) = (self.intervals[left], other.intervals[right])
            let both = Interval(from: max(a.from, b.from), to: min(a.to, b.to))
            if both.from < both.to { result.append(both) }
            if a.to < b.to { left += 1 } else { right += 1 }
        }
        return TimeSet(result)
    }

    func subtracting(_ other: TimeSet) -> TimeSet {
        var result: [Interval] = []
        var right = 0
        for interval in self.intervals {
            var from = interval.from
            while right < other.intervals.count, other.intervals[right].to <= from { right += 1 }
            var index = right
            while index < other.intervals.count, other.intervals[index].from < interval.to {
                let hole = other.intervals[index]
                if hole.from > from { result.append(Interval(from: from, to: hole.from)) }
                from = max(from, hole.to)
                index += 1
            }
            if from < interval.to { result.append(Interval(from: from, to: interval.to)) }
        }
        return TimeSet(result)
    }

    /// How much of each UTC day it covers; days without any are left out.
    func lengthByDay() -> [(day: Int64, length: Int64)] {
        var result: [(day: Int64, length: Int64)] = []
        for interval in self.intervals {
            var from = interval.from
            while from < interval.to {
                let day = WallTime.day(of: from)
                let to = min(interval.to, (day + 1) * WallTime.microsecondsPerDay)
                if let last = result.last, last.day == day {
                    result[result.count - 1].length += to - from
                } else {
                    result.append((day, to - from))
                }
                from = to
            }
        }
        return result
    }
}

/// The time in which the supervisor can say whether a component was up: it ran itself, had the component in its policy,
/// and the component's time counted. The rest is unknown, neither up nor down.
struct KnownTime {
    /// Longest stretch that is looked at, in days; longer ones are only met where a clock was set wrong.
    static let mostDays: Int64 = 4_000

    private let db: Database
    private let runs: TimeSet
    let window: Interval

    /// - Parameter alive: the last sign of life of the run that has not ended.
    init(_ db: Database, window: Interval, alive: Int64?) throws {
        let from = max(window.from, window.to - Self.mostDays * WallTime.microsecondsPerDay)
        self.db = db
        self.window = Interval(from: from, to: window.to)
        self.runs = TimeSet(
            try db.all(
                "SELECT started_us, ended_us FROM run WHERE started_us < ?2 AND coalesce(ended_us, ?2) > ?1",
                [.int(from), .int(window.to)]
            ) { Interval(from: max(from, $0.int(0)), to: min(window.to, $0.optionalInt(1) ?? alive ?? $0.int(0))) })
    }

    /// A component that no loaded policy ever named counts whenever the supervisor ran.
    func of(_ component: String) throws -> TimeSet {
        let (from, to) = (self.window.from, self.window.to)
        let named = try self.db.first("SELECT 1 FROM supervised WHERE component = ? LIMIT 1", [.text(component)]) { _ in
            1
        }
        var known = self.runs
        if named != nil {
            known = known.intersection(
                TimeSet(
                    try self.spans("SELECT from_us, to_us FROM supervised WHERE component = ?1", component, from, to)))
        }
        return known.subtracting(
            TimeSet(
                try self.spans(
                    "SELECT from_us, to_us FROM exclusion WHERE component IN (?1, '')", component, from, to)))
    }

    private func spans(_ sql: String, _ component: String, _ from: Int64, _ to: Int64) throws -> [Interval] {
        try self.db.all(
            sql + " AND from_us < ?3 AND coalesce(to_us, ?3) > ?2", [.text(component), .int(from), .int(to)]
        ) {
            Interval(from: max(from, $0.int(0)), to: min(to, $0.optionalInt(1) ?? to))
        }
    }
}
