import RecoveryEngine

/// The statistics of one component (or of all) while they are added up.
struct Tally {
    /// Entries of histograms, unsorted: bucket in the upper 16 bits, count in the rest.
    struct Entries {
        private(set) var packed: [UInt64] = []
        private(set) var count: Int64 = 0
        var sum: Int64 = 0

        mutating func add(bucket: UInt16, count: Int64) {
            self.packed.append(UInt64(bucket) << 48 | UInt64(clamping: count) & 0xFFFF_FFFF_FFFF)
            self.count += count
        }

        mutating func add(_ microseconds: Int64) {
            self.add(bucket: Histogram.bucket(of: microseconds), count: 1)
            self.sum += microseconds
        }

        mutating func add(_ other: Entries) {
            self.packed += other.packed
            self.count += other.count
            self.sum += other.sum
        }

        /// The whole of a stored histogram.
        mutating func add(_ row: SQLRow, blob: Int32, sum: Int64) {
            row.withBlob(blob) { bytes in Histogram.each(bytes) { self.add(bucket: $0, count: $1) } }
            self.sum += sum
        }

        func figures() -> StatisticsReport.Durations {
            guard self.count > 0 else { return StatisticsReport.Durations() }
            var dense = [Int64](repeating: 0, count: Int(Histogram.mostBucket) + 1)
            for entry in self.packed {
                dense[min(Int(entry >> 48), dense.count - 1)] += Int64(entry & 0xFFFF_FFFF_FFFF)
            }
            return StatisticsReport.Durations(
                mean: Double(self.sum) / Double(self.count) / 1e6, p50: Self.percentile(50, self.count, dense),
                p95: Self.percentile(95, self.count, dense))
        }

        private static func percentile(_ percent: Int64, _ count: Int64, _ dense: [Int64]) -> Double? {
            let rank = (count * percent + 99) / 100
            var seen: Int64 = 0
            for (bucket, number) in dense.enumerated() {
                seen += number
                if seen >= rank { return Histogram.middle(UInt16(bucket)).rounded() / 1e6 }
            }
            return nil
        }
    }

    var incidents: Int64 = 0
    var healable: Int64 = 0
    var healed: Int64 = 0
    var down: Int64 = 0
    var known: Int64 = 0
    var detect = Entries()
    var recover = Entries()
    var gap = Entries()
    var actions: [String: (succeeded: Int64, failed: Int64)] = [:]
    var drills: Int64 = 0
    var drillsHealed: Int64 = 0

    /// A stored rollup, its columns from the given one on.
    mutating func add(_ row: SQLRow, at first: Int32) {
        self.incidents += row.int(first)
        self.healable += row.int(first + 5)
        self.healed += row.int(first + 6)
        self.down += row.int(first + 7)
        self.detect.add(row, blob: first + 8, sum: row.int(first + 1))
        self.recover.add(row, blob: first + 9, sum: row.int(first + 2))
        self.gap.add(row, blob: first + 10, sum: row.int(first + 4))
    }

    /// One incident, without its downtime.
    mutating func add(_ incident: IncidentRow, actions: [ActionRow]) {
        self.incidents += 1
        self.detect.add(max(0, incident.detectedAt - incident.failedAt))
        if let contribution = Contribution(incident, down: []) {
            self.recover.add(contribution.recover)
            self.healable += contribution.isHealable ? 1 : 0
            self.healed += contribution.isHealed ? 1 : 0
        }
        if let gap = incident.gap { self.gap.add(gap) }
        for action in actions where action.tally != 0 {
            self.add(action.action, succeeded: action.tally > 0 ? 1 : 0, failed: action.tally < 0 ? 1 : 0)
        }
    }

    mutating func add(_ action: String, succeeded: Int64, failed: Int64) {
        let before = self.actions[action] ?? (0, 0)
        self.actions[action] = (before.succeeded + succeeded, before.failed + failed)
    }

    mutating func add(_ other: Tally) {
        self.incidents += other.incidents
        self.healable += other.healable
        self.healed += other.healed
        self.down += other.down
        self.known += other.known
        self.detect.add(other.detect)
        self.recover.add(other.recover)
        self.gap.add(other.gap)
        self.drills += other.drills
        self.drillsHealed += other.drillsHealed
        for (name, count) in other.actions { self.add(name, succeeded: count.succeeded, failed: count.failed) }
    }

    func figures() -> StatisticsReport.Figures {
        StatisticsReport.Figures(
            incidents: self.incidents,
            availability: self.known > 0 ? Double(max(0, self.known - self.down)) / Double(self.known) : nil,
            mttd: self.detect.figures(), mttr: self.recover.figures(), mtbf: self.gap.figures(),
            healedWithoutHuman: self.healable > 0 ? Double(self.healed) / Double(self.healable) : nil,
            actions: self.actions.sorted { $0.key < $1.key }.map {
                StatisticsReport.ActionCount(action: $0.key, succeeded: $0.value.succeeded, failed: $0.value.failed)
            }, drills: self.drills, drillsHealed: self.drillsHealed)
    }
}

extension DrillOutcome {
    /// It says something of the component; one that was overtaken or never began says nothing.
    var isCounted: Bool {
        switch self {
        case .healed, .notHealed, .notNoticed: true
        case .notInjected, .interrupted: false
        }
    }
}
