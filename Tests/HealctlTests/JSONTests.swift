import AuditTrail
import Foundation
import Policy
import Testing

@testable import HealctlKit

/// The shapes that others read. They change only with a new major version.
@Suite struct StableJSONTests {
    @Test func `an incident`() {
        #expect(
            Stories.healed.incident.json.text == """
                {
                  "id": 41,
                  "component": "api",
                  "state": "resolved",
                  "severity": "HIGH",
                  "cause": {
                    "check": "unit",
                    "category": "TRANSIENT",
                    "reason": "crashed",
                    "message": "main process killed by SIGKILL"
                  },
                  "rootCause": null,
                  "failedAt": "2026-11-20T03:04:05.123000Z",
                  "detectedAt": "2026-11-20T03:04:05.125000Z",
                  "resolvedAt": "2026-11-20T03:04:05.463000Z",
                  "timeToDetectSeconds": 0.002,
                  "timeToRecoverSeconds": 0.34,
                  "actions": [
                    {
                      "action": "RESTART",
                      "attempt": 1,
                      "startedAt": "2026-11-20T03:04:05.126000Z",
                      "finishedAt": "2026-11-20T03:04:05.164000Z",
                      "result": "succeeded",
                      "detail": "job 4211 done"
                    }
                  ],
                  "drill": null
                }

                """)
    }

    @Test func `what is not known is null, never absent`() throws {
        let row = try self.object(Stories.suppressed.json)
        #expect(row["resolvedAt"] is NSNull)
        #expect(row["timeToRecoverSeconds"] is NSNull)
        #expect((row["actions"] as? [Any])?.isEmpty == true)
        let running = try self.object(Stories.exhausted.incident.actions[3].json)
        #expect(Set(running.keys) == ["action", "attempt", "startedAt", "finishedAt", "result", "detail"])
        #expect(running["finishedAt"] is NSNull && running["result"] is NSNull && running["detail"] is NSNull)
    }

    @Test func `text comes back as it was, and nothing in the output acts on a terminal`() throws {
        let text = Stories.suppressed.json.text
        #expect(!text.unicodeScalars.contains { $0.value < 32 && $0 != "\n" || $0 == "\u{202E}" })
        let cause = try self.object(Stories.suppressed.json)["cause"] as? [String: String]
        #expect(cause?["message"] == Stories.suppressed.cause.message)
    }

    @Test func `the story of an incident adds its timeline and evidence`() throws {
        let story = try self.object(Stories.exhausted.json(times: Stories.times))
        let timeline = try #require(story["timeline"] as? [[String: Any]])
        #expect(timeline.count == 13)
        #expect(timeline[1]["offsetSeconds"] as? Double == 0.008)
        #expect(timeline.map { $0["kind"] as? String }.contains("skipped"))
        let evidence = try #require(story["evidence"] as? [[String: String]])
        #expect(evidence.map { $0["kind"] } == ["journal"])
    }

    @Test func `statistics`() throws {
        let report = try self.object(OtherPageTests.statistics.json)
        #expect(Set(report.keys) == ["since", "overall", "components"])
        let components = try #require(report["components"] as? [[String: Any]])
        let keys: Set = [
            "component", "incidents", "availability", "mttd", "mttr", "mtbf", "mtbfSpread", "healedWithoutHuman",
            "actions", "drills",
        ]
        #expect(Set(components[0].keys) == keys)
        #expect(Set(components[1].keys) == keys)
        #expect(components[0]["mttr"] as? [String: Double] == ["mean": 1.5, "p50": 0.34, "p95": 12.25])
        #expect(components[0]["mtbf"] as? Double == 7_200)
        #expect(components[1]["mtbf"] is NSNull)
        #expect((components[1]["mttd"] as? [String: Any])?["p95"] is NSNull)
        let actions = try #require(components[0]["actions"] as? [[String: Any]])
        #expect(Set(actions[0].keys) == ["action", "succeeded", "failed"])
        #expect(Set(try #require(report["overall"] as? [String: Any]).keys) == keys.subtracting(["component"]))
        let first = try #require(OtherPageTests.statistics.components.first)
        #expect(first.json.text.hasPrefix("{\n  \"component\": \"api\",\n  \"incidents\": 2,\n"))
    }

    @Test func `the status`() throws {
        let status = try self.object(StatusPage(StatusPageTests.status).json)
        #expect(
            Set(status.keys) == [
                "state", "policy", "components", "reason", "version", "startedAt", "overrides", "degradation", "drill",
            ])
        #expect(
            Set(try #require(status["policy"] as? [String: Any]).keys) == ["generation", "loadedAt", "error"])
        let components = try #require(status["components"] as? [[String: Any]])
        #expect(
            Set(components[2].keys) == [
                "name", "verdict", "state", "since", "unit", "checks", "openIncident", "detail",
            ])
        #expect(components[2]["unit"] is NSNull && components[2]["openIncident"] is NSNull)
        #expect(components[1]["openIncident"] as? Int == 7)
    }

    @Test func `policy diagnostics`() {
        let page = PolicyCheckPage(diagnostics: [
            Diagnostic(file: "a.json", line: 2, column: 3, path: "$.x", kind: .json, message: "no")
        ])
        #expect(
            page.json.text == """
                {
                  "valid": false,
                  "diagnostics": [
                    {
                      "file": "a.json",
                      "line": 2,
                      "column": 3,
                      "path": "$.x",
                      "kind": "json",
                      "severity": "error",
                      "message": "no"
                    }
                  ]
                }

                """)
    }

    @Test func `numbers are JSON numbers whatever they are`() throws {
        let value = JSONValue.array([
            .number(0), .number(-0.5), .number(1e-7), .number(1e300), .number(.nan), .number(.infinity),
            .integer(.min), .string("\u{1F525}\u{E000}\u{0}\"\\"), .bool(true), .object([]), .array([]),
        ])
        let read = try #require(try JSONSerialization.jsonObject(with: Data(value.text.utf8)) as? [Any])
        #expect(read[1] as? Double == -0.5 && read[2] as? Double == 1e-7 && read[3] as? Double == 1e300)
        #expect(read[4] is NSNull && read[5] is NSNull)
        #expect(read[6] as? Int == .min)
        #expect(read[7] as? String == "\u{1F525}\u{E000}\u{0}\"\\")
    }

    private func object(_ value: JSONValue) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(value.text.utf8)) as? [String: Any])
    }
}
