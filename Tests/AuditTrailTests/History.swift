import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor

@testable import AuditTrail

/// A random life of a few components, as records in batches; the same seed gives the same life.
struct History {
    struct Options {
        var components = 4
        var steps = 120
        /// Longest pause between two steps.
        var mostPause: Duration = .seconds(9 * 3600)
    }

    private var generator: SeededGenerator
    private let names: [String]
    private var open: [String: Int64] = [:]
    private var excluded: Set<String> = []
    private var runningActions: [Int64: (String, Int64)] = [:]
    private var doneActions: [Int64: (String, Int64)] = [:]
    private var nextIncident: Int64 = 1
    private var nextAction: Int64 = 1
    private var lastEnd: [String: WallTime] = [:]
    private(set) var now: WallTime
    /// Each with the sign of life that precedes it, if any.
    private(set) var batches: [(alive: WallTime?, batch: AuditBatch)] = []
    var records: [AuditRecord] { self.batches.flatMap(\.batch.records) }

    init(seed: UInt64, start: WallTime = Scene.start, options: Options = Options()) {
        self.generator = SeededGenerator(seed: seed)
        self.names = (0..<options.components).map { "c\($0)" }
        self.now = start
        self.emit([
            self.record(.supervisorStarted(version: "1", processID: 1)),
            self.record(.policyLoaded(generation: 1, components: self.names)),
        ])
        for _ in 0..<options.steps {
            self.now = self.now + options.mostPause.scaled(by: self.generator.unit() * self.generator.unit())
            self.step()
        }
        self.now = self.now + .seconds(60)
        self.batches.append((self.now, AuditBatch()))
    }

    private mutating func chance(_ probability: Double) -> Bool { self.generator.unit() < probability }

    private func record(_ body: AuditRecord.Body, _ component: String? = nil, _ incident: Int64? = nil) -> AuditRecord {
        AuditRecord(at: self.now, component: component, incident: incident, body)
    }

    private mutating func emit(_ records: [AuditRecord], alive: WallTime? = nil) {
        var batch = AuditBatch()
        batch.records = records
        self.batches.append((alive, batch))
    }

    private mutating func step() {
        let component = self.names[Int(self.generator.next() % UInt64(self.names.count))]
        switch self.generator.next() % 20 {
        case 0: self.restart()
        case 1, 2:
            let counts = self.excluded.contains(component)
            self.excluded.formSymmetricDifference([component])
            self.emit([self.record(.timeCounts(counts, why: "stopped by hand"), component)])
        case 3:
            let kept = self.names.filter { _ in self.chance(0.8) }
            self.emit([self.record(.policyLoaded(generation: 2, components: kept))])
        case 4: self.emit([self.record(.note("nothing"), component, self.open[component])])
        default:
            if let id = self.open[component] { self.proceed(component, id) } else { self.fail(component) }
        }
    }

    private mutating func restart() {
        if self.chance(0.5) {
            self.emit([self.record(.supervisorStopped(reason: "asked to"))])
            self.now = self.now + .seconds(600).scaled(by: self.generator.unit())
            self.emit([self.record(.supervisorStarted(version: "2", processID: 2))])
        } else {
            let lastSign = self.now
            self.now = self.now + .seconds(7200).scaled(by: self.generator.unit())
            self.emit([self.record(.supervisorStarted(version: "2", processID: 2))], alive: lastSign)
        }
    }

    private mutating func fail(_ component: String) {
        let before = Duration.seconds(20).scaled(by: self.generator.unit() * self.generator.unit())
        let failedAt = max(self.now - before, self.lastEnd[component] ?? self.now - before)
        let id = self.nextIncident
        self.nextIncident += 1
        self.open[component] = id
        let reason: FailureReason = self.chance(0.5) ? .crashed : .timeout
        let opening = IncidentOpening(
            cause: IncidentCause(check: "unit", category: reason.category, reason: reason, message: "gone"),
            severity: .high, failedAt: failedAt, detectedAt: self.now, previous: nil,
            rootCause: self.chance(0.2) ? "db" : nil)
        self.emit([self.record(.incidentOpened(opening), component, id), self.intend(component, id)])
    }

    private mutating func intend(_ component: String, _ incident: Int64) -> AuditRecord {
        let id = self.nextAction
        self.nextAction += 1
        if self.chance(0.1) {
            return self.record(
                .actionSkipped(id: id, action: "HEALTH_CHECK", attempt: 1, step: 0, why: "not now"), component, incident
            )
        }
        self.runningActions[id] = (component, incident)
        return self.record(
            .actionIntended(
                id: id, action: self.chance(0.7) ? "RESTART" : "HEALTH_CHECK", attempt: 1, step: 0, unit: nil,
                why: "down"), component, incident)
    }

    private mutating func proceed(_ component: String, _ id: Int64) {
        // Actions may end, or be verified, after their incident did.
        if let (action, (name, incident)) = self.runningActions.min(by: { $0.key < $1.key }), self.chance(0.4) {
            self.runningActions[action] = nil
            self.doneActions[action] = (name, incident)
            let result = ActionResult.allCases[Int(self.generator.next() % 5)]
            self.emit([
                self.record(.actionFinished(id: action, ActionOutcome(result, detail: "over")), name, incident)
            ])
        } else if let (action, (name, incident)) = self.doneActions.min(by: { $0.key < $1.key }), self.chance(0.3) {
            self.doneActions[action] = nil
            self.emit([
                self.record(
                    .verification(action: action, succeeded: self.chance(0.7), detail: "looked"), name, incident)
            ])
        } else if self.chance(0.2) {
            self.emit([
                self.record(.incidentSuppressed(rootCause: self.chance(0.5) ? "db" : nil), component, id)
            ])
        } else if self.chance(0.2) {
            self.emit([self.record(.incidentExhausted(rearmAt: self.now), component, id), self.intend(component, id)])
        } else {
            let end = self.now - .seconds(2)
            let healer = Healer.allCases[Int(self.generator.next() % UInt64(Healer.allCases.count))]
            self.open[component] = nil
            self.lastEnd[component] = self.now
            self.emit([self.record(.incidentResolved(at: end, by: healer), component, id)])
        }
    }

    func write(to database: AuditDatabase) throws {
        for (alive, batch) in self.batches {
            if let alive { try database.alive(at: alive) }
            try database.commit(batch)
        }
    }
}
