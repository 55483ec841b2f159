import Foundation
import Testing

extension StrategyTableTests {
    @Test func `every strategy runs out of time where what it does hangs, and its ladder goes on`() async throws {
        let name = "act-late"
        let slow = try SlowSteps(
            name,
            [
                .restart, .failover(name), .scaleUp(name), .scaleDown(name), .isolate, .resetConnection,
                .switchEndpoint(name), .clearCache,
            ],
            timeout: "1s", next: Self.repair)
        try slow.stage.systemctl("start", "\(name)-less@1.service")
        try await slow.stage.isUp()
        try slow.breakAll()
        let incidents = try await slow.healed()
        slow.hurry()
        for (component, action) in [
            ("restart", "RESTART"), ("failover", "FAILOVER"), ("up", "SCALE_UP"), ("reset", "RESET_CONNECTION"),
            ("switch", "SWITCH_ENDPOINT"), ("cache", "CLEAR_CACHE"),
        ] {
            let incident = try #require(incidents[component])
            #expect(incident.actions.first?.action == action)
            #expect(incident.actions.first?.result == "timed_out", "\(action)")
            #expect(incident.actions.last?.action == "EXEC", "\(action): the ladder goes on")
            #expect(incident.actions.last?.result == "succeeded")
        }
        // The standby is stopped again though its start hung, and the old unit takes its place.
        #expect(incidents["failover"]?.actions.map(\.action) == ["FAILOVER", "FAILOVER", "EXEC"])
        #expect(try slow.stage.isActive("\(name)-failover.service"))
        #expect(try !slow.stage.isActive("\(name)-standby.service"))
        // A stop that hangs is ended by SIGKILL instead.
        #expect(incidents["down"]?.actions.map(\.result) == ["succeeded"])
        #expect(Set(incidents["isolate"]?.actions.map(\.result) ?? []) == ["succeeded"])
        for component in ["down", "isolate"] {
            let id = try #require(incidents[component]?.id)
            #expect(try slow.stage.healctl("incidents", "show", "\(id)").output.contains("with SIGKILL"))
        }
        #expect(try slow.stage.healctl("audit", "verify").status == 0)
    }

    /// - Parameter isOverBefore: what the steps had begun comes to its end while heald is gone.
    @Test(arguments: [false, true])
    func `heald killed in the middle of every strategy at once goes on with each and does none twice`(
        isOverBefore: Bool
    ) async throws {
        let name = isOverBefore ? "act-killed2" : "act-killed"
        let slow = try SlowSteps(
            name,
            [.restart, .scaleUp(name), .scaleDown(name), .isolate, .resetConnection, .switchEndpoint(name)],
            timeout: "30s"
        ) { _, _ in #"{ "action": "ALERT" }"# }
        try slow.stage.systemctl("start", "\(name)-less@1.service")
        try await slow.stage.isUp()
        try slow.breakAll()
        try await slow.stage.wait(for: "every step") { slow.waitedFor.isEmpty }
        try slow.stage.signal(SIGKILL, slow.stage.heald)
        if isOverBefore { slow.hurry() }
        try await slow.stage.wait(for: "heald to be back") { try slow.stage.healctl("status").status == 0 }
        slow.hurry()
        let incidents = try await slow.healed()
        for (component, action) in [
            ("restart", "RESTART"), ("up", "SCALE_UP"), ("down", "SCALE_DOWN"), ("reset", "RESET_CONNECTION"),
            ("switch", "SWITCH_ENDPOINT"),
        ] {
            #expect(incidents[component]?.actions.map(\.action) == [action])
            // A reload that ended while nobody watched leaves no trace.
            let results = action == "RESET_CONNECTION" && isOverBefore ? ["interrupted", "succeeded"] : ["succeeded"]
            #expect(results.contains(incidents[component]?.actions.first?.result ?? ""), "\(action)")
        }
        for component in ["restart", "up", "down", "reset"] { #expect(slow.notes(component) == 1, "\(component)") }
        // Read once more, since the reload that was under way may have begun before the endpoint was moved.
        #expect((1...2).contains(slow.notes("switch")))
        // Isolated, not left alone as if a person had stopped it; then its trial.
        #expect(incidents["isolate"]?.actions.map(\.result) == ["succeeded", "succeeded"])
        #expect(slow.notes("isolate") == 1)
        #expect(try slow.stage.isActive("\(name)-isolate.service"))
        #expect(try slow.stage.healctl("audit", "verify").status == 0)
    }

    @Test func `every strategy fails where what it needs is in its way or not there, and its ladder goes on`()
        async throws
    {
        let name = "act-fails"
        let steps = try SlowSteps(
            name,
            [
                SlowSteps.Part(
                    name: "switch", action: "SWITCH_ENDPOINT",
                    facts: """
                        "failover": { "standbys": ["\(name)-other.service"], "endpoint": { "symlink": {
                          "path": "$ROOT/nonexistent/endpoint", "targets": {
                          "\(name)-switch.service": "one", "\(name)-other.service": "two" } } } },
                        """,
                    others: [.init(name: "\(name)-other.service")]),
                SlowSteps.Part(name: "isolate", action: "CIRCUIT_BREAK", facts: #""isolate": { "openFor": "1s" },"#),
                SlowSteps.Part(name: "reduce", action: "REDUCE_LOAD", keys: #", "units": ["\#(name)-nobody.service"]"#),
                SlowSteps.Part(
                    name: "down", action: "SCALE_DOWN",
                    facts: #""scale": { "template": "\#(name)-none@.service", "min": 0, "max": 1 },"#),
            ], timeout: "5s", next: Self.repair)
        // Where its barrier would have to be lies something else.
        let barrier = "/run/systemd/system/\(name)-isolate.service.d"
        try #require(FileManager.default.createFile(atPath: barrier, contents: nil))
        defer { try? FileManager.default.removeItem(atPath: barrier) }
        try await steps.stage.isUp()
        try steps.breakAll()
        let incidents = try await steps.healed()
        for (component, action, result) in [
            ("switch", "SWITCH_ENDPOINT", "failed"), ("isolate", "CIRCUIT_BREAK", "failed"),
            ("reduce", "REDUCE_LOAD", "failed"), ("down", "SCALE_DOWN", "skipped"),
        ] {
            #expect(incidents[component]?.actions.first?.action == action)
            #expect(incidents[component]?.actions.first?.result == result, "\(action)")
            #expect(incidents[component]?.actions.contains { $0.action == "EXEC" && $0.result == "succeeded" } == true)
        }
        // What cannot be barred is not stopped either.
        #expect(steps.stage.starts(of: "\(name)-isolate.service") == 1)
    }

    /// A step that repairs every component.
    private static func repair(_ root: String, _ part: SlowSteps.Part) -> String {
        #"""
        { "action": "EXEC", "command": ["/bin/sh", "-c", "rm -f \#(root)/\#(part.name).*"], "verify": "30s" }
        """#
    }
}
