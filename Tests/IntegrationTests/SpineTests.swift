import Foundation
import Testing

/// heald and healctl as they are shipped, a real systemd, a real disk: what fails is back, recorded and explained.
@Suite(.serialized, .enabled(if: Stage.isHere, Stage.reason), .timeLimit(.minutes(4)))
struct SpineTests {
    private static let unitCheck = #"{ "unit": { "type": "unit" } }"#

    private func component(_ unit: String, _ more: String = "") -> String {
        #"{ "unit": "\#(unit)", "stable": "500ms", "checks": \#(Self.unitCheck)\#(more) }"#
    }

    @Test func `a killed service is back, by one restart, and the trail tells it all`() async throws {
        let stage = try Stage(
            "kill", units: [.init(name: "kill-a.service")], components: #"{ "a": \#(component("kill-a.service")) }"#)
        let old = try stage.mainPID(of: "kill-a.service")
        try stage.signal(SIGKILL, "kill-a.service")
        let incident = try #require(
            try await stage.incidents(within: 20, "recovery") { $0.first?.state == "resolved" }.first)
        #expect(try stage.mainPID(of: "kill-a.service") != old)
        #expect(stage.starts(of: "kill-a.service") == 2)
        #expect(incident.cause.check == "unit")
        #expect(incident.cause.reason == "crashed")
        #expect(incident.restarts.map(\.result) == ["succeeded"])
        // RFC 3339 in UTC sorts as text.
        let resolvedAt = try #require(incident.resolvedAt)
        #expect(incident.failedAt <= incident.detectedAt)
        #expect(incident.detectedAt <= resolvedAt)
        #expect(try #require(incident.timeToRecoverSeconds) >= 0)
        let verified = try stage.healctl("audit", "verify")
        #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
        let story = try stage.healctl("incidents", "show", "\(incident.id)")
        #expect(story.status == 0)
        #expect(story.output.contains("RESTART"))
        let stats = try stage.healctl("stats", "--json")
        #expect(stats.status == 0)
        #expect(stats.output.contains(#""component""#))
    }

    @Test func `a service that hangs is restarted for what its endpoint does not say`() async throws {
        let server = #"""
            exec perl -MIO::Socket::INET -e "\$s = IO::Socket::INET->new(LocalAddr => q(127.0.0.1), \
            LocalPort => 25433, Listen => 9, ReuseAddr => 1) or die; while (\$c = \$s->accept) { print \$c qq(ready); \
            close \$c }"
            """#
        let checks = """
            { "unit": "hang-a.service", "stable": "500ms", "startupGrace": "1s", "checks": {
              "answers": { "type": "tcp", "host": "127.0.0.1", "port": 25433, "expect": "ready", "interval": "500ms",
                           "timeout": "300ms", "fall": 2, "rise": 1 } } }
            """
        let stage = try Stage(
            "hang", units: [.init(name: "hang-a.service", command: server, settings: ["TimeoutStopSec=2"])],
            components: #"{ "a": \#(checks) }"#)
        try stage.signal(SIGSTOP, "hang-a.service")
        let incident = try #require(
            try await stage.incidents(within: 30, "recovery") { $0.first?.state == "resolved" }.first)
        #expect(incident.cause.check == "answers")
        #expect(stage.starts(of: "hang-a.service") == 2)
    }

    @Test func `a service with Restart= of its own is started once a crash`() async throws {
        let stage = try Stage(
            "own",
            units: [.init(name: "own-a.service", settings: ["Restart=always", "RestartSec=300ms"])],
            components: #"{ "a": \#(component("own-a.service")) }"#)
        for crash in 1...4 {
            try stage.signal(SIGKILL, "own-a.service")
            _ = try await stage.incidents(within: 30, "recovery \(crash)") {
                $0.count == crash && $0.first?.state == "resolved"
            }
            // One start a crash: never systemd's and heald's.
            #expect(stage.starts(of: "own-a.service") == crash + 1)
        }
    }

    @Test func `an operator's stop is respected until the start`() async throws {
        let stage = try Stage(
            "stop", units: [.init(name: "stop-a.service"), .init(name: "stop-b.service")],
            components: #"{ "a": \#(component("stop-a.service")), "b": \#(component("stop-b.service")) }"#)
        try stage.systemctl("stop", "stop-a.service")
        // What comes after it has been dealt with: so was the stop.
        try stage.signal(SIGKILL, "stop-b.service")
        var incidents = try await stage.incidents(within: 20, "recovery of the other") {
            $0.first?.state == "resolved"
        }
        #expect(incidents.map(\.component) == ["b"])
        #expect(try !stage.isActive("stop-a.service"))
        #expect(stage.starts(of: "stop-a.service") == 1)
        try stage.systemctl("start", "stop-a.service")
        try stage.signal(SIGKILL, "stop-a.service")
        incidents = try await stage.incidents(within: 20, "recovery") {
            $0.first?.component == "a" && $0.first?.state == "resolved"
        }
        #expect(stage.starts(of: "stop-a.service") == 3)
    }

    @Test func `what systemd stops with a unit that died is started again after it`() async throws {
        let stage = try Stage(
            "bond",
            units: [
                .init(name: "bond-a.service"),
                .init(name: "bond-b.service", settings: ["[Unit]", "BindsTo=bond-a.service", "After=bond-a.service"]),
            ],
            components: #"{ "a": \#(component("bond-a.service")), "b": \#(component("bond-b.service")) }"#)
        try stage.signal(SIGKILL, "bond-a.service")
        let incidents = try await stage.incidents(within: 20, "recovery of both") {
            $0.count == 2 && $0.allSatisfy { $0.state == "resolved" }
        }
        #expect(Set(incidents.map(\.component)) == ["a", "b"])
        #expect(try stage.isActive("bond-a.service") && stage.isActive("bond-b.service"))
        #expect(stage.starts(of: "bond-a.service") == 2 && stage.starts(of: "bond-b.service") == 2)
    }

    @Test func `an operator's restarts are no failures, neither quick ones nor slow ones nor ones that end badly`()
        async throws
    {
        let units: [Stage.Service] = [
            .init(name: "redo-quick.service"),
            .init(
                name: "redo-slow.service",
                settings: [
                    "ExecStartPost=/bin/touch /run/redo-slow", "ExecStop=/bin/rm /run/redo-slow",
                    "ExecStop=/bin/sleep 2",
                ]),
            .init(name: "redo-bad.service", command: #"trap "exit 143" TERM; while :; do sleep 0.05; done"#),
            .init(name: "redo-last.service"),
        ]
        let slow = """
            { "unit": "redo-slow.service", "stable": "500ms", "startupGrace": "1s", "checks": {
              "unit": { "type": "unit" },
              "answers": { "type": "exec", "command": ["/usr/bin/test", "-e", "/run/redo-slow"], "convention": "exit",
                           "interval": "300ms", "timeout": "300ms", "fall": 3, "rise": 1 } } }
            """
        let stage = try Stage(
            "redo", units: units,
            components: """
                { "quick": \(component("redo-quick.service")), "slow": \(slow),
                  "bad": \(component("redo-bad.service")), "last": \(component("redo-last.service")) }
                """)
        for unit in units.dropLast() {
            try stage.systemctl("restart", unit.name)
            try stage.systemctl("restart", unit.name)
            #expect(stage.starts(of: unit.name) == 3)
        }
        // What comes after them has been dealt with: so were they.
        try stage.signal(SIGKILL, "redo-last.service")
        let incidents = try await stage.incidents(within: 20, "recovery of the other") {
            $0.first?.component == "last" && $0.first?.state == "resolved"
        }
        #expect(incidents.map(\.component) == ["last"])
    }

    @Test func `heald killed in the middle of a repair neither forgets nor repeats it`() async throws {
        let stage = try Stage(
            "crash",
            units: [.init(name: "crash-a.service", settings: ["ExecStartPre=/bin/sleep 2"])],
            components: #"{ "a": \#(component("crash-a.service", #", "startupGrace": "10s""#)) }"#)
        try stage.signal(SIGKILL, "crash-a.service")
        _ = try await stage.incidents(within: 20, "an intent") { !($0.first?.restarts.isEmpty ?? true) }
        try stage.signal(SIGKILL, stage.heald)
        let incident = try #require(
            try await stage.incidents(within: 40, "recovery") { $0.first?.state == "resolved" }.first)
        // An intent whose message had not been sent yet came to nothing; then the next one is the repair.
        #expect(incident.restarts.count { $0.result == "succeeded" } == 1)
        #expect(incident.restarts.allSatisfy { $0.result == "succeeded" || $0.result == "interrupted" })
        #expect(stage.starts(of: "crash-a.service") == 2)
        #expect(try stage.healctl("audit", "verify").status == 0)
    }

    @Test func `reloads of systemd in the middle of everything lose nothing and repeat nothing`() async throws {
        let policy = #"""
            , "breaker": { "failures": 100 },
            "recovery": [
              { "action": "RESTART", "attempts": "unlimited", "backoff": { "initial": "10ms", "max": "10ms" } } ]
            """#
        let stage = try Stage(
            "reload", units: [.init(name: "reload-a.service")],
            // It dies oftener than one that comes and goes is repaired.
            components: #"{ "a": \#(component("reload-a.service", policy)) }, "guards": { "flap": { "high": "100%" } }"#
        )
        for round in 1...8 {
            try stage.signal(SIGKILL, "reload-a.service")
            try stage.systemctl("daemon-reload")
            _ = try await stage.incidents(within: 20, "recovery \(round)") {
                $0.count == round && $0.first?.state == "resolved"
            }
            #expect(stage.starts(of: "reload-a.service") == round + 1)
        }
    }

    @Test func `units that components exchange by a reload are seen at once`() async throws {
        func policy(_ a: String, _ b: String) -> String {
            #"{ "version": 1, "components": { "a": \#(component(a)), "b": \#(component(b)) } }"#
        }
        let stage = try Stage(
            "swap", units: [.init(name: "swap-a.service"), .init(name: "swap-b.service")],
            policy: policy("swap-a.service", "swap-b.service"))
        try await stage.isUp()
        try policy("swap-b.service", "swap-a.service").write(
            toFile: stage.path("policies/a.json"), atomically: true, encoding: .utf8)
        #expect(try stage.healctl("reload").status == 0)
        try await stage.isUp()
        try stage.signal(SIGKILL, "swap-a.service")
        let incident = try #require(
            try await stage.incidents(within: 20, "the recovery") { $0.first?.state == "resolved" }.first)
        #expect(incident.component == "b" && incident.actions.map(\.action) == ["RESTART"])
    }

    @Test func `history is there while heald is not`() async throws {
        let stage = try Stage(
            "down", units: [.init(name: "down-a.service")], components: #"{ "a": \#(component("down-a.service")) }"#)
        #expect(try stage.healctl("status", "--json").status == 0)
        try stage.signal(SIGKILL, "down-a.service")
        _ = try await stage.incidents(within: 20, "recovery") { $0.first?.state == "resolved" }
        try stage.systemctl("stop", stage.heald)
        #expect(try stage.incidents().count == 1)
        #expect(try stage.healctl("stats").status == 0)
        #expect(try stage.healctl("audit", "verify").status == 0)
        #expect(try stage.healctl("status").status == 69)
    }
}
