import GRDB
import RecoveryEngine
import ResilienceCore

/// What one resolved incident adds to the statistics.
struct Contribution: Hashable {
    var component: String
    /// The day of the failure.
    var day: Int64
    var detect: Int64
    var recover: Int64
    var gap: Int64?
    var isHealable: Bool
    var isHealed: Bool
    /// Known downtime by day.
    var down: [Int64: Int64]

    /// `nil` where it adds nothing: it is not resolved, or a drill brought it about.
    init?(_ incident: IncidentRow, down: [(day: Int64, length: Int64)]) {
        guard let resolved = incident.resolvedAt, incident.drill == nil else { return nil }
        self.component = incident.component
        self.day = WallTime.day(of: incident.failedAt)
        self.detect = max(0, incident.detectedAt - incident.failedAt)
        self.recover = max(0, resolved - incident.failedAt)
        self.gap = incident.gap
        let healer = incident.healer.flatMap(Healer.init)
        (self.isHealable, self.isHealed) = Self.classify(healer)
        self.down = Dictionary(down.map { ($0.day, $0.length) }, uniquingKeysWith: +)
    }

    /// Whether somebody or something made it well that can be told apart: a component that came back with its
    /// dependency, or left the policy, was not healed by anyone.
    static func classify(_ healer: Healer?) -> (healable: Bool, healed: Bool) {
        switch healer {
        case .heald, .systemd: (true, true)
        case .person, .itself: (true, false)
        case .dependency, .withdrawn, nil: (false, false)
        }
    }
}

/// Sums and histograms of resolved incidents, by component and by day, 16 days and 256 days, so that statistics over any
/// time add up a few rows of each instead of every incident.
struct Rollup: Hashable {
    /// Level n has buckets of 16ⁿ days.
    static let levels = 0..<3

    static func bucket(_ day: Int64, level: Int) -> Int64 { day >> (4 * level) }

    struct Key: Hashable {
        var level: Int
        var bucket: Int64
        var component: String
    }

    var incidents: Int64 = 0
    var detectSum: Int64 = 0
    var recoverSum: Int64 = 0
    var gaps: Int64 = 0
    var gapSum: Int64 = 0
    var healable: Int64 = 0
    var healed: Int64 = 0
    var down: Int64 = 0
    var detect = Histogram()
    var recover = Histogram()
    var gap = Histogram()

    var isEmpty: Bool { self.incidents == 0 && self.down == 0 }

    /// - Parameter sign: 1 to add, -1 to take away.
    mutating func add(_ contribution: Contribution, sign: Int64) {
        self.incidents += sign
        self.detectSum += sign * contribution.detect
        self.recoverSum += sign * contribution.recover
        self.detect.add(contribution.detect, times: sign)
        self.recover.add(contribution.recover, times: sign)
        if let gap = contribution.gap {
            self.gaps += sign
            self.gapSum += sign * gap
            self.gap.add(gap, times: sign)
        }
        if contribution.isHealable { self.healable += sign }
        if contribution.isHealed { self.healed += sign }
    }

    static let columns = """
        incidents, detect_us, recover_us, gaps, gap_us, healable, healed, down_us, detect, recover, gap
        """

    init() {}

    /// From the columns of `columns`, beginning at the given one.
    init(_ row: SQLRow, at first: Int32) {
        self.incidents = row.int(first)
        self.detectSum = row.int(first + 1)
        self.recoverSum = row.int(first + 2)
        self.gaps = row.int(first + 3)
        self.gapSum = row.int(first + 4)
        self.healable = row.int(first + 5)
        self.healed = row.int(first + 6)
        self.down = row.int(first + 7)
        self.detect = row.withBlob(first + 8) { Histogram($0) }
        self.recover = row.withBlob(first + 9) { Histogram($0) }
        self.gap = row.withBlob(first + 10) { Histogram($0) }
    }

    private var values: [SQLValue] {
        [
            .int(self.incidents), .int(self.detectSum), .int(self.recoverSum), .int(self.gaps), .int(self.gapSum),
            .int(self.healable), .int(self.healed), .int(self.down), .blob(self.detect.blob),
            .blob(self.recover.blob), .blob(self.gap.blob),
        ]
    }

    /// Adds an incident to the stored rollups, or takes it away.
    static func apply(_ contribution: Contribution, sign: Int64, to db: Database) throws {
        for level in Self.levels {
            let main = Self.bucket(contribution.day, level: level)
            var down: [Int64: Int64] = [main: 0]
            for (day, length) in contribution.down { down[Self.bucket(day, level: level), default: 0] += length }
            for (bucket, length) in down {
                let key = Key(level: level, bucket: bucket, component: contribution.component)
                try Self.update(key, in: db) { rollup in
                    if bucket == main { rollup.add(contribution, sign: sign) }
                    rollup.down += sign * length
                }
            }
        }
    }

    private static func update(_ key: Key, in db: Database, _ body: (inout Rollup) -> Void) throws {
        let place: [SQLValue] = [.int(key.level), .int(key.bucket), .text(key.component)]
        let stored = try db.first(
            "SELECT \(Self.columns) FROM rollup WHERE level = ? AND bucket = ? AND component = ?", place
        ) { Rollup($0, at: 0) }
        var rollup = stored ?? Rollup()
        body(&rollup)
        if rollup.isEmpty {
            try db.run("DELETE FROM rollup WHERE level = ? AND bucket = ? AND component = ?", place)
        } else {
            try db.run(
                "INSERT OR REPLACE INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", place + rollup.values
            )
        }
    }

    /// Counts an action of a resolved incident, or takes it away.
    static func count(
        _ action: String, succeeded: Int64, failed: Int64, component: String, day: Int64, in db: Database
    ) throws {
        for level in Self.levels {
            let place: [SQLValue] = [
                .int(level), .int(Self.bucket(day, level: level)), .text(component), .text(action),
            ]
            try db.run(
                """
                INSERT INTO rollup_action VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                ON CONFLICT DO UPDATE SET succeeded = succeeded + ?5, failed = failed + ?6
                """, place + [.int(succeeded), .int(failed)])
            if succeeded < 0 || failed < 0 {
                try db.run(
                    """
                    DELETE FROM rollup_action WHERE level = ? AND bucket = ? AND component = ? AND action = ?
                    AND succeeded = 0 AND failed = 0
                    """, place)
            }
        }
    }
}
