import Foundation
import Testing

extension StrategyTableTests {
    /// A component that is down while a file is there, beside other units.
    private func busy(
        _ name: String, check: String, more: String = "", recovery: String, settings: [String] = [],
        others: [Stage.Service] = []
    ) throws -> Stage {
        try Stage(
            name, units: [.init(name: "\(name).service", settings: settings)] + others,
            components: """
                { "a": { "unit": "\(name).service", "stable": "300ms", "startupGrace": "1s", "rearm": "2s" \(more),
                  "checks": { "unit": { "type": "unit" }, "it": { "type": "exec",
                    "command": ["/bin/sh", "-c", "\(check)"],
                    "interval": "300ms", "timeout": "250ms", "fall": 2, "rise": 1 } },
                  "recovery": [ \(recovery) ] } }
                """)
    }

    private func touch(_ file: String) throws {
        try #require(FileManager.default.createFile(atPath: file, contents: nil))
    }

    private func property(_ stage: Stage, _ name: String, of unit: String) throws -> String {
        try stage.systemctl("show", "--property=\(name)", "--value", unit)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func SCALE_UP() async throws {
        // Down until two workers more are there.
        let stage = try self.busy(
            "act-up", check: "! test -e /run/act-up.load || systemctl is-active -q act-upw@2 || exit 2",
            more: #", "scale": { "template": "act-upw@.service", "min": 0, "max": 3, "step": 2, "cooldown": "1s" }"#,
            recovery: #"{ "action": "SCALE", "verify": "5s" }"#,
            others: [.init(name: "act-upw@.service", isStarted: false)])
        try await stage.isUp()
        try self.touch("/run/act-up.load")
        let incident = try await stage.healed()
        #expect(incident.actions.map(\.action) == ["SCALE_UP"])
        #expect(try stage.isActive("act-upw@1.service"))
        #expect(try stage.isActive("act-upw@2.service"))
        #expect(try !stage.isActive("act-upw@3.service"))
        #expect(stage.starts(of: "act-up.service") == 1)
        for number in 1...2 { try stage.systemctl("stop", "act-upw@\(number).service") }
    }

    @Test func `SCALE_UP stops at max, and fails where the template is not there`() async throws {
        let stage = try self.busy(
            "act-max", check: "! test -e /run/act-max.load || exit 2",
            more: #", "scale": { "template": "act-none@.service", "min": 0, "max": 1, "cooldown": "0s" }"#,
            recovery: #"{ "action": "SCALE_UP", "verify": "1s" }, { "action": "ALERT" }"#)
        try await stage.isUp()
        try self.touch("/run/act-max.load")
        let incident = try #require(
            try await stage.incidents(within: 30, "the end") { $0.first?.state == "exhausted" }.first)
        #expect(incident.actions.map(\.action) == ["SCALE_UP", "ALERT"])
        #expect(["failed", "refused"].contains(incident.actions.first?.result))
    }

    @Test func `scale.on starts more while answers are slow and stops them again, and nothing of it is an incident`()
        async throws
    {
        let pool = "act-loadw@.service"
        let stage = try self.busy(
            "act-load", check: "! test -e /run/act-load.slow || sleep 0.15",
            more: """
                , "scale": { "template": "\(pool)", "min": 0, "max": 1, "cooldown": "1s",
                             "on": { "check": "it", "above": "120ms", "below": "100ms", "for": "2s" } }
                """,
            recovery: #"{ "action": "ALERT" }"#, others: [.init(name: pool, isStarted: false)])
        try await stage.isUp()
        try self.touch("/run/act-load.slow")
        try await stage.wait(for: "one more") { try stage.isActive("act-loadw@1.service") }
        try await stage.wait(for: "its reason in the status") {
            let status = try stage.healctl("status").output
            return status.contains("SCALE_UP") && status.contains("load: it is above 120 ms")
        }
        try FileManager.default.removeItem(atPath: "/run/act-load.slow")
        try await stage.wait(for: "one less") { try !stage.isActive("act-loadw@1.service") }
        #expect(try stage.incidents().isEmpty)
        #expect(stage.starts(of: "act-load.service") == 1)
        #expect(try stage.healctl("audit", "verify").status == 0)
    }

    @Test func `scale.on asks an operator in the mode approve, and remembers the question when it is killed`()
        async throws
    {
        let pool = "act-askw@.service"
        let stage = try self.busy(
            "act-ask", check: "! test -e /run/act-ask.slow || sleep 0.15",
            more: """
                , "mode": "approve", "scale": { "template": "\(pool)", "min": 0, "max": 1, "cooldown": "1s",
                  "on": { "check": "it", "above": "120ms", "below": "1ms", "for": "2s" } }
                """,
            recovery: #"{ "action": "ALERT" }"#, others: [.init(name: pool, isStarted: false)])
        try await stage.isUp()
        try self.touch("/run/act-ask.slow")
        let question = "SCALE_UP waits for approval: healctl approve"
        try await stage.wait(for: "the question") { try stage.healctl("status").output.contains(question) }
        try stage.signal(SIGKILL, stage.heald)
        try await stage.wait(for: "the question in the next run") {
            (try? stage.healctl("status").output.contains(question)) == true
        }
        #expect(try !stage.isActive("act-askw@1.service"))
        #expect(try stage.healctl("approve", "a", "--reason", "go").status == 0)
        try await stage.wait(for: "one more") { try stage.isActive("act-askw@1.service") }
        #expect(try stage.incidents().isEmpty)
        #expect(try stage.healctl("audit", "verify").status == 0)
        try stage.systemctl("stop", "act-askw@1.service")
    }

    @Test func SCALE_DOWN() async throws {
        let stage = try self.busy(
            "act-down", check: "! test -e /run/act-down.load || ! systemctl is-active -q act-downw@2 || exit 2",
            more: #", "scale": { "template": "act-downw@.service", "min": 1, "max": 2, "cooldown": "0s" }"#,
            recovery: #"{ "action": "SCALE_DOWN", "verify": "5s" }"#,
            others: [
                .init(name: "act-downw@.service", isStarted: false)
            ])
        for number in 1...2 { try stage.systemctl("start", "act-downw@\(number).service") }
        try await stage.isUp()
        try self.touch("/run/act-down.load")
        let incident = try await stage.healed()
        #expect(incident.actions.map(\.action) == ["SCALE_DOWN"])
        #expect(try stage.isActive("act-downw@1.service"))
        #expect(try !stage.isActive("act-downw@2.service"))
        try stage.systemctl("stop", "act-downw@1.service")
    }

    @Test func `SCALE_UP of limits sets them while the unit runs, and SCALE_DOWN takes them back`() async throws {
        let weight = "$(systemctl show -p CPUWeight --value act-limit)"
        let stage = try self.busy(
            "act-limit",
            check: "test -e /run/act-limit.less && { test \(weight) != 800 || exit 2; exit 0; }; "
                + "! test -e /run/act-limit.more || test \(weight) = 800 || exit 2",
            more: #", "scale": { "properties": { "CPUWeight": 800 }, "cooldown": "0s" }"#,
            recovery: #"{ "action": "SCALE_UP", "verify": "2s" }, { "action": "SCALE_DOWN", "verify": "5s" }"#,
            settings: ["CPUWeight=90"])
        try await stage.isUp()
        try self.touch("/run/act-limit.more")
        #expect(try await stage.healed().actions.map(\.action) == ["SCALE_UP"])
        #expect(try self.property(stage, "CPUWeight", of: "act-limit.service") == "800")
        try self.touch("/run/act-limit.less")
        let incident = try #require(
            try await stage.incidents(within: 30, "the second") { $0.count == 2 && $0.first?.state == "resolved" }.first
        )
        #expect(incident.actions.last?.action == "SCALE_DOWN")
        #expect(try self.property(stage, "CPUWeight", of: "act-limit.service") == "90")
        #expect(stage.starts(of: "act-limit.service") == 1)
    }

    @Test func REDUCE_LOAD() async throws {
        let batch = "$(systemctl show -p CPUWeight --value act-batch)"
        let stage = try self.busy(
            "act-reduce", check: "! test -e /run/act-reduce.load || test \(batch) = 5 || exit 2",
            recovery: #"""
                { "action": "REDUCE_LOAD", "units": ["act-batch.service"], "properties": { "CPUWeight": 5 },
                  "restoreAfter": "2s", "verify": "5s" }
                """#,
            others: [.init(name: "act-batch.service", settings: ["CPUWeight=70"])])
        try await stage.isUp()
        try self.touch("/run/act-reduce.load")
        #expect(try await stage.healed().actions.map(\.action) == ["REDUCE_LOAD"])
        try FileManager.default.removeItem(atPath: "/run/act-reduce.load")
        try await stage.wait(for: "the weight of its own") {
            try self.property(stage, "CPUWeight", of: "act-batch.service") == "70"
        }
    }

    @Test func `REDUCE_LOAD by freezing, undone also by a heald that was killed`() async throws {
        let stage = try self.busy(
            "act-freeze", check: "! test -e /run/act-freeze.load || exit 2",
            recovery: #"""
                { "action": "REDUCE_LOAD", "units": ["act-idle.service"], "restoreAfter": "2s", "verify": "20s" }
                """#,
            others: [.init(name: "act-idle.service")])
        try await stage.isUp()
        try self.touch("/run/act-freeze.load")
        try await stage.wait(for: "the frost") {
            try self.property(stage, "FreezerState", of: "act-idle.service") == "frozen"
        }
        try stage.signal(SIGKILL, stage.heald)
        try FileManager.default.removeItem(atPath: "/run/act-freeze.load")
        _ = try await stage.healed()
        try await stage.wait(for: "the thaw") {
            try self.property(stage, "FreezerState", of: "act-idle.service") == "running"
        }
    }

    @Test func `REDUCE_LOAD leaves frozen what somebody had frozen before, also when heald is killed`() async throws {
        let stage = try self.busy(
            "act-frost", check: "! test -e /run/act-frost.load || exit 2",
            recovery: #"""
                { "action": "REDUCE_LOAD", "units": ["act-theirs.service", "act-ours.service"], "restoreAfter": "2s",
                  "verify": "20s" }
                """#,
            others: [.init(name: "act-theirs.service"), .init(name: "act-ours.service")])
        try await stage.isUp()
        try stage.systemctl("freeze", "act-theirs.service")
        defer { _ = try? stage.systemctl("thaw", "act-theirs.service") }
        try self.touch("/run/act-frost.load")
        try await stage.wait(for: "the frost") {
            try self.property(stage, "FreezerState", of: "act-ours.service") == "frozen"
        }
        try stage.signal(SIGKILL, stage.heald)
        try FileManager.default.removeItem(atPath: "/run/act-frost.load")
        _ = try await stage.healed()
        try await stage.wait(for: "the thaw") {
            try self.property(stage, "FreezerState", of: "act-ours.service") == "running"
        }
        #expect(try self.property(stage, "FreezerState", of: "act-theirs.service") == "frozen")
    }

    @Test func `REDUCE_LOAD thaws only the processes that it has frozen`() async throws {
        let stage = try self.busy(
            "act-anew", check: "! test -e /run/act-anew.load || exit 2",
            recovery: #"""
                { "action": "REDUCE_LOAD", "units": ["act-anew-idle.service"], "restoreAfter": "1s", "verify": "20s" }
                """#,
            others: [.init(name: "act-anew-idle.service")])
        let idle = "act-anew-idle.service"
        try await stage.isUp()
        try self.touch("/run/act-anew.load")
        try await stage.wait(for: "the frost") { try self.property(stage, "FreezerState", of: idle) == "frozen" }
        // Somebody starts it anew, and has reasons of their own to freeze it.
        for verb in ["thaw", "restart", "freeze"] { try stage.systemctl(verb, idle) }
        defer { _ = try? stage.systemctl("thaw", idle) }
        try FileManager.default.removeItem(atPath: "/run/act-anew.load")
        _ = try await stage.healed()
        let all = try await stage.incidents(within: 20, "what was lent given back") { all in
            all.first?.actions.count == 2 && all.first?.actions.last?.result == "succeeded"
        }
        #expect(all.first?.actions.last?.detail?.contains("was started anew since") == true)
        #expect(try self.property(stage, "FreezerState", of: idle) == "frozen")
    }

    @Test func `an isolated unit is its operator's to start while repairs are paused`() async throws {
        let stage = try self.busy(
            "act-mine", check: "! test -e /run/act-mine.load || exit 2",
            more: #", "isolate": { "openFor": "10m" }"#, recovery: #"{ "action": "CIRCUIT_BREAK", "verify": "2s" }"#)
        try await stage.isUp()
        try self.touch("/run/act-mine.load")
        try await stage.wait(for: "the isolation") { try stage.healctl("status").output.contains("isolated") }
        #expect(try stage.healctl("pause", "--for", "10m", "--reason", "work").status == 0)
        #expect(try run("/usr/bin/systemctl", ["start", "act-mine.service"]).status != 0)
        try FileManager.default.removeItem(atPath: "/run/act-mine.load")
        #expect(try stage.healctl("resume", "a").status == 0)
        try await stage.wait(for: "the bar to be lifted") {
            try run("/usr/bin/systemctl", ["start", "act-mine.service"]).status == 0
        }
        #expect(try await stage.healed().actions.allSatisfy { $0.action == "CIRCUIT_BREAK" })
    }

    @Test func CIRCUIT_BREAK() async throws {
        let stage = try self.busy(
            "act-isolate", check: "! test -e /run/act-isolate.load || exit 2",
            more: #", "isolate": { "openFor": "2s" }"#, recovery: #"{ "action": "CIRCUIT_BREAK", "verify": "2s" }"#)
        try await stage.isUp()
        try self.touch("/run/act-isolate.load")
        try await stage.wait(for: "the isolation") { try !stage.isActive("act-isolate.service") }
        try await stage.wait(for: "the bar") {
            try run("/usr/bin/systemctl", ["start", "act-isolate.service"]).status != 0
        }
        // The first trial fails: it is isolated again, and heald that dies meanwhile goes on.
        try await stage.wait(for: "a second isolation") { try stage.incidents().first?.actions.count ?? 0 >= 3 }
        try stage.signal(SIGKILL, stage.heald)
        try FileManager.default.removeItem(atPath: "/run/act-isolate.load")
        let incident = try await stage.healed()
        #expect(Set(incident.actions.map(\.action)) == ["CIRCUIT_BREAK"])
        #expect(try stage.isActive("act-isolate.service"))
        let left = "/run/systemd/system/act-isolate.service.d"
        #expect(!FileManager.default.fileExists(atPath: left))
    }

    @Test func `RESTART sends a signal first, and restarts what goes with it`() async throws {
        let root = "/run/act-with"
        let stage = try Stage(
            "act-with",
            units: [
                .init(
                    name: "act-with.service",
                    command: "trap \"touch \(root).dumped\" QUIT; rm -f \(root).bad; while :; do sleep 0.1; done"),
                .init(name: "act-side.service"), .init(name: "act-dep.service"),
            ],
            components: """
                { "a": { "unit": "act-with.service", "stable": "300ms", "startupGrace": "1s",
                  "checks": { "unit": { "type": "unit" }, "it": { "type": "exec",
                    "command": ["/bin/sh", "-c", "! test -e \(root).bad || exit 2"],
                    "interval": "300ms", "timeout": "250ms", "fall": 2, "rise": 1 } },
                  "recovery": [ { "action": "RESTART", "signal": "SIGQUIT", "with": ["act-side.service"],
                                  "dependents": true, "verify": "10s" } ] },
                  "b": { "unit": "act-dep.service", "dependsOn": ["a"], "checks": { "unit": { "type": "unit" } } } }
                """)
        try await stage.isUp()
        try self.touch("\(root).bad")
        #expect(try await stage.healed().actions.map(\.result) == ["succeeded"])
        #expect(FileManager.default.fileExists(atPath: "\(root).dumped"))
        for unit in ["act-with", "act-side", "act-dep"] { #expect(stage.starts(of: "\(unit).service") == 2, "\(unit)") }
        #expect(try stage.incidents().count == 1)
    }
}
