import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import AuditTrail

/// The statistics computed from the records in the plainest way: everything in memory, membership tested instant by
/// instant between all boundaries, percentiles by sorting. Shares nothing with the computation it checks.
struct ReferenceStatistics {
    struct Figures {
        var incidents = 0
        var detect: [Int64] = []
        var recover: [Int64] = []
        var gaps: [Int64] = []
        var healed = 0
        var healable = 0
        var known: Int64 = 0
        var down: Int64 = 0
        var actions: [String: [Int64]] = [:]

        mutating func add(_ other: Figures) {
            self.incidents += other.incidents
            self.detect += other.detect
            self.recover += other.recover
            self.gaps += other.gaps
            self.healed += other.healed
            self.healable += other.healable
            self.known += other.known
            self.down += other.down
            for (name, counts) in other.actions {
                let before = self.actions[name] ?? [0, 0]
                self.actions[name] = [before[0] + counts[0], before[1] + counts[1]]
            }
        }

        func check(_ figures: StatisticsReport.Figures, _ comment: Comment) {
            #expect(figures.incidents == Int64(self.incidents), comment)
            Self.check(figures.mttd, self.detect, comment)
            Self.check(figures.mttr, self.recover, comment)
            Self.check(figures.mtbf, self.gaps, comment)
            #expect(
                figures.healedWithoutHuman == (self.healable > 0 ? Double(self.healed) / Double(self.healable) : nil),
                comment)
            #expect(
                figures.availability
                    == (self.known > 0 ? Double(self.known - self.down) / Double(self.known) : nil), comment)
            #expect(
                Dictionary(uniqueKeysWithValues: figures.actions.map { ($0.action, [$0.succeeded, $0.failed]) })
                    == self.actions, comment)
        }

        private static func check(_ durations: StatisticsReport.Durations, _ values: [Int64], _ comment: Comment) {
            let sorted = values.sorted().map { Double($0) / 1e6 }
            guard !sorted.isEmpty else {
                #expect(durations == StatisticsReport.Durations(), comment)
                return
            }
            let mean = Double(values.reduce(0, +)) / 1e6 / Double(values.count)
            #expect(abs((durations.mean ?? -1) - mean) <= mean * 1e-9 + 1e-9, comment)
            for (estimate, share) in [(durations.p50, 0.5), (durations.p95, 0.95)] {
                let exact = sorted[max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1)]
                #expect(abs((estimate ?? -1) - exact) <= exact * 0.0101 + 1e-6, comment)
            }
        }
    }

    struct Span {
        var from: Int64
        var to: Int64
        func contains(_ instant: Int64) -> Bool { self.from <= instant && instant < self.to }
    }

    struct Incident {
        var component: String
        var failed: Int64
        var detected: Int64
        var resolved: Int64?
        var rootCause: String?
        var healer: Healer?
        var actions: [Int64: (name: String, result: ActionResult?, held: Bool?)] = [:]
    }

    var components: [String: Figures] = [:]
    var names: [String] { self.components.filter { $0.value.incidents > 0 || $0.value.known > 0 }.keys.sorted() }
    var overall: Figures {
        var sum = Figures()
        for name in self.names { if let figures = self.components[name] { sum.add(figures) } }
        return sum
    }

    private var runs: [Span] = []
    private var supervised: [String: [Span]] = [:]
    private var excluded: [String: [Span]] = [:]
    private var incidents: [Int64: Incident] = [:]

    init(_ history: History, since: WallTime) {
        let now = history.now.microseconds
        let from = since.microseconds
        self.read(history, end: now)
        var last: [String: Incident] = [:]
        for (_, incident) in self.incidents.sorted(by: { $0.key < $1.key }) {
            var figures = self.components[incident.component] ?? Figures()
            var gap: Int64?
            let isOwn = incident.rootCause == nil && incident.healer != .withdrawn
            if isOwn {
                gap = last[incident.component].flatMap(\.resolved).map {
                    self.known(incident.component, $0, incident.failed, except: [])
                }
                if incident.resolved != nil { last[incident.component] = incident }
            }
            if incident.failed >= from { Self.count(incident, gap, in: &figures) }
            self.components[incident.component] = figures
        }
        for name in Set(self.components.keys).union(self.supervised.keys) {
            let down = self.incidents.values.filter { $0.component == name }
                .map { Span(from: $0.failed, to: $0.resolved ?? now) }
            let known = self.known(name, from, now, except: [])
            self.components[name, default: Figures()].known = known
            let up = self.known(name, from, now, except: down)
            self.components[name]?.down = known - up
        }
    }

    private static func count(_ incident: Incident, _ gap: Int64?, in figures: inout Figures) {
        figures.incidents += 1
        figures.detect.append(incident.detected - incident.failed)
        if let resolved = incident.resolved { figures.recover.append(max(0, resolved - incident.failed)) }
        if let gap { figures.gaps.append(gap) }
        switch incident.healer {
        case .heald, .systemd:
            figures.healed += 1
            figures.healable += 1
        case .person, .itself: figures.healable += 1
        case .dependency, .withdrawn, nil: break
        }
        for action in incident.actions.values {
            let place: Int
            switch (action.result, action.held) {
            case (.succeeded, false), (.failed, _), (.timedOut, _): place = 1
            case (.succeeded, _): place = 0
            default: continue
            }
            figures.actions[action.name, default: [0, 0]][place] += 1
        }
    }

    /// Time in a window in which the component's state was known and none of `holes` lay.
    private func known(_ name: String, _ from: Int64, _ to: Int64, except holes: [Span]) -> Int64 {
        let supervised = self.supervised[name]
        let excluded = self.excluded[name] ?? []
        let all = self.runs + (supervised ?? []) + excluded + holes
        let bounds = Set(all.flatMap { [$0.from, $0.to] } + [from, to]).filter { from <= $0 && $0 <= to }.sorted()
        return zip(bounds, bounds.dropFirst()).reduce(0) { sum, piece in
            let isKnown =
                self.runs.contains { $0.contains(piece.0) }
                && (supervised?.contains { $0.contains(piece.0) } ?? true)
                && !excluded.contains { $0.contains(piece.0) } && !holes.contains { $0.contains(piece.0) }
            return isKnown ? sum + piece.1 - piece.0 : sum
        }
    }

    private mutating func read(_ history: History, end: Int64) {
        var alive: Int64 = 0
        for (sign, batch) in history.batches {
            if let sign { alive = sign.microseconds }
            for record in batch.records {
                self.readSpans(record, alive: alive)
                self.readIncident(record)
                alive = record.at.microseconds
            }
        }
        if let last = self.runs.indices.last, self.runs[last].to == .max { self.runs[last].to = alive }
    }

    private mutating func readSpans(_ record: AuditRecord, alive: Int64) {
        let at = record.at.microseconds
        let last = self.runs.indices.last
        switch record.body {
        case .supervisorStarted:
            if let last, self.runs[last].to == .max { self.runs[last].to = alive }
            self.runs.append(Span(from: at, to: .max))
        case .supervisorStopped: if let last { self.runs[last].to = at }
        case .policyLoaded(_, let names):
            for name in Set(self.supervised.keys).union(names) {
                let open = self.supervised[name]?.firstIndex { $0.to == .max }
                if let open, !names.contains(name) { self.supervised[name]?[open].to = at }
                if open == nil, names.contains(name) {
                    self.supervised[name, default: []].append(Span(from: at, to: .max))
                }
            }
        case .timeCounts(let counts, _):
            let name = record.component ?? ""
            if counts, let open = self.excluded[name]?.firstIndex(where: { $0.to == .max }) {
                self.excluded[name]?[open].to = at
            } else if !counts {
                self.excluded[name, default: []].append(Span(from: at, to: .max))
            }
        default: break
        }
    }

    private mutating func readIncident(_ record: AuditRecord) {
        guard let id = record.incident else { return }
        switch record.body {
        case .incidentOpened(let opening):
            self.incidents[id] = Incident(
                component: record.component ?? "", failed: opening.failedAt.microseconds,
                detected: opening.detectedAt.microseconds, rootCause: opening.rootCause)
        case .incidentSuppressed(let cause): self.incidents[id]?.rootCause = cause
        case .incidentResolved(let time, let healer):
            self.incidents[id]?.resolved = time.microseconds
            self.incidents[id]?.healer = healer
        case .actionIntended(let action, let name, _, _, _, _):
            self.incidents[id]?.actions[action] = (name, nil, nil)
        case .actionSkipped(let action, let name, _, _, _):
            self.incidents[id]?.actions[action] = (name, .skipped, nil)
        case .actionFinished(let action, let outcome): self.incidents[id]?.actions[action]?.result = outcome.result
        case .verification(let action, let held, _): self.incidents[id]?.actions[action]?.held = held
        default: break
        }
    }
}
