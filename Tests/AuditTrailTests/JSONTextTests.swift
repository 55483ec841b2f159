import Foundation
import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import AuditTrail

/// What is written is JSON, and says the same to Foundation's reader as what its writer writes.
@Suite struct JSONTextTests {
    private struct Everything: Codable, Hashable {
        enum Kind: Codable, Hashable { case nothing, some(Int, name: String?) }
        struct Empty: Codable, Hashable {}
        var texts = ["", "a\"b\\c/d", "\n\r\t\u{0}\u{1F}\u{7F}", "äöü 漢字 🦆\u{2028}", "</script>"]
        var numbers: [Int64] = [.min, -1, 0, 1, .max]
        var unsigned = UInt64.max
        var shares = [0.1, -1.5, 1e300, 5e-300, 0]
        var small: Int8 = -128
        var flags = [true, false]
        var absent: String?
        var holes: [Int?] = [1, nil, 3]
        var kinds = [Kind.nothing, .some(1, name: nil), .some(2, name: "x")]
        var empty = Empty()
        var none: [Int] = []
        var nested = [[1], [], [2, 3]]
        var table = ["k\"": 1]
        var time = Duration.milliseconds(1_500)
    }

    private static func same<Value: Codable & Equatable>(_ value: Value) throws {
        let text = try JSONTextEncoder.encode(value)
        #expect(try JSONDecoder().decode(Value.self, from: Data(text.utf8)) == value, "\(text)")
        let ours = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) as? NSObject
        let theirs =
            try JSONSerialization.jsonObject(with: JSONEncoder().encode(value), options: .fragmentsAllowed) as? NSObject
        #expect(ours == theirs)
    }

    @Test func `every kind of value comes back as it went`() throws {
        try Self.same(Everything())
        try Self.same([Everything(), Everything()])
        try Self.same("a text alone")
        try Self.same([String: Int]())
    }

    @Test func `records and states come back as they went`() throws {
        let cause = IncidentCause(check: "unit", category: .transient, reason: .crashed, message: "line\n\u{1B}[31m\"")
        let bodies: [AuditRecord.Body] = [
            .incidentOpened(
                IncidentOpening(
                    cause: cause, severity: .high, failedAt: Scene.start, detectedAt: Scene.start, previous: 7,
                    rootCause: nil)),
            .incidentCorrected(cause: cause, failedAt: Scene.start), .incidentRearmed,
            .incidentSuppressed(rootCause: nil), .incidentSuppressed(rootCause: "db"),
            .actionIntended(id: 1, action: "RESTART", attempt: 1, step: 0, unit: nil, why: "ä"),
            .actionFinished(id: 1, ActionOutcome(.timedOut, detail: "")), .timeCounts(false, why: "paused"),
            .policyLoaded(generation: 1, components: ["a", "b"]), .evidence(kind: .exit, text: "\u{FFFD}"),
        ]
        for body in bodies { try Self.same(body) }
        var saved = SavedComponent(breaker: SavedBreaker(failures: [Scene.start], openedAt: Scene.start))
        saved.inFlight = ActionRequest(
            id: 1, incident: 2, component: "a", action: "RESTART", unit: "a.service", attempt: 1, timeout: .seconds(30),
            expectedInvocationID: nil, policyGeneration: 3)
        try Self.same(saved)
        try Self.same(SavedHost(actions: [Scene.start, Scene.start]))
    }

    @Test(arguments: [Double.infinity, -.infinity, .nan])
    func `a number without a form in JSON is refused`(number: Double) {
        #expect(throws: EncodingError.self) { try JSONTextEncoder.encode(number) }
    }
}
