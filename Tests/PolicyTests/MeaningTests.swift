import ResilienceCore
import Testing

@testable import Policy

/// What well-formed policies mean.
@Suite struct MeaningTests {
    private let tcp = #"{"type": "tcp", "host": "a", "port": 1}"#

    @Test func `a component that asks first waits as long as it says`() throws {
        let body = #""mode": "approve", "approvalExpires": "5m", "checks": {"t": \#(self.tcp)}"#
        let component = try #require(try policy(policy(component: body)).components.first)
        #expect(component.mode == .approve)
        #expect(component.approvalExpires == .seconds(300))
    }

    @Test func `the smallest policy has the defaults of the language`() throws {
        let snapshot = try policy(policy(component: #""unit": "a.service", "checks": {"u": {"type": "unit"}}"#))
        let check = Check(name: "u", kind: .unit(UnitCheck()))
        #expect(snapshot.components == [Component(name: "a", unit: "a.service", checks: [check])])
        #expect(snapshot.guards == Guards())
        #expect(
            snapshot.channels == [
                "journal": Channel(name: "journal", kind: .journal, events: AlertEvent.journalDefaults)
            ])
    }

    @Test func `what ought to run, what a unit requires and what the load decides arrive`() throws {
        let snapshot = try policy(
            """
            {"version": 1, "components": {
              "db": {"unit": "db.service", "checks": {"u": {"type": "unit"}}},
              "api": {"unit": "api.service", "dependsOn": ["unit", "db"], "desired": "running",
                "checks": {"u": {"type": "unit"}, "t": {"type": "tcp", "host": "::1", "port": 1}},
                "scale": {"template": "w@.service", "on": {"check": "t", "above": "500ms", "below": "20ms",
                  "for": "5s"}}},
              "web": {"unit": "web.service", "checks": {"r": {"type": "resources", "tasks": 9}},
                "scale": {"properties": {"CPUWeight": 200}, "on": {"check": "r", "above": "80%", "below": "20%"}}}}}
            """)
        let api = try #require(snapshot.components.first { $0.name == "api" })
        #expect(api.dependsOn == ["db"])
        #expect(api.needsWhatUnitRequires)
        #expect(api.desired == .running)
        #expect(api.facts.scale?.on == LoadTrigger(check: "t", above: 0.5, below: 0.02, lasting: .seconds(5)))
        let web = try #require(snapshot.components.first { $0.name == "web" })
        #expect(!web.needsWhatUnitRequires && web.desired == .follow)
        #expect(web.facts.scale?.on == LoadTrigger(check: "r", above: 0.8, below: 0.2, lasting: .seconds(60)))
    }

    @Test func `a component that is called unit is meant by its name`() throws {
        let snapshot = try policy(
            """
            {"version": 1, "components": {
              "unit": {"unit": "db.service", "checks": {"u": {"type": "unit"}}},
              "api": {"unit": "api.service", "dependsOn": ["unit"], "checks": {"u": {"type": "unit"}}}}}
            """)
        let api = try #require(snapshot.components.first { $0.name == "api" })
        #expect(api.dependsOn == ["unit"] && !api.needsWhatUnitRequires)
    }

    @Test func `every key arrives where it belongs`() throws {
        let snapshot = try policy(
            """
            {"version": 1,
             "components": {
              "db": {"checks": {"t": {"type": "tcp", "host": "::1", "port": 5432, "send": "a", "expect": "b"}}},
              "api": {"unit": "api.service", "criticality": "critical", "group": "web", "tags": ["x:y", "z"],
               "dependsOn": ["db", "db"], "desired": "follow", "mode": "observe", "startupGrace": "20s", "stable": "3s",
               "rearm": "1h", "breaker": {"failures": 3, "window": "2m", "minSeverity": "LOW", "openFor": "3m",
               "halfOpen": 2}, "checks": {
                "h": {"type": "http", "url": "http://[::1]:8080/x?y", "method": "HEAD", "headers": {"B": "2", "A": "1"},
                 "expect": {"status": [200, "300-302"], "latency": "500ms"}, "unixSocket": "/run/a", "interval": "4s",
                 "timeout": "2s", "fall": 4, "rise": 5, "window": {"failures": 2, "of": 9}, "fastInterval": "300ms",
                 "jitter": "2.5%", "severity": "LOW", "enabled": false, "followRedirects": true},
                "p": {"type": "http", "url": "https://h/", "method": "POST", "body": "{}", "tls": {"caFile": "/ca"},
                 "expect": {"contains": "c", "matches": "^o+k$", "json": [{"path": "$.a", "equals": null}]}},
                "e": {"type": "exec", "command": ["/bin/x", "y"], "convention": "exit", "user": "u",
                 "environment": {"K": "v"}, "workingDirectory": "/tmp"},
                "u": {"type": "unit", "states": ["active"]}},
               "recovery": [
                {"action": "HEALTH_CHECK", "checks": "h"},
                {"action": "RESTART", "when": {"category": "TRANSIENT", "reason": ["timeout", "crashed"], "check": ["u"],
                 "verdict": "degraded", "minSeverity": "MEDIUM"}, "attempts": "unlimited", "backoff": {"initial": "2s",
                 "factor": 1.5, "max": "9s", "jitter": "10%"}, "timeout": "11s", "verify": "12s", "cooldown": "13s"},
                "page"]}},
             "strategies": {"page": {"action": "NOTIFICATION", "channels": ["hook"], "severity": "LOW", "message": "m"}},
             "channels": {"hook": {"type": "webhook", "url": "https://h/", "secretFile": "/s", "minSeverity": "HIGH",
              "on": ["opened"], "repeat": "2h", "groupWait": "1s"},
              "run": {"type": "exec", "command": ["/bin/y"], "user": "w"}},
             "guards": {"maxActions": {"count": 3, "per": "1m"}, "maxConcurrent": 4, "maxUnhealthy": "12.5%"}}
            """)
        let http = HTTPCheck(
            host: "::1", port: 8080, target: "/x?y", method: "HEAD",
            headers: [HTTPHeader(name: "A", value: "1"), HTTPHeader(name: "B", value: "2")],
            expect: HTTPExpectation(status: [200...200, 300...302], latency: .milliseconds(500)),
            followRedirects: true, unixSocket: "/run/a")
        let post = HTTPCheck(
            host: "h", port: 443, method: "POST", body: "{}",
            expect: HTTPExpectation(
                contains: "c", matches: try Pattern("^o+k$"),
                json: [JSONExpectation(path: try JSONPath("$.a"), equals: .null)]), tls: .file("/ca"))
        let exec = ExecCheck(
            command: ["/bin/x", "y"], convention: .exit, user: "u", environment: ["K": "v"], workingDirectory: "/tmp")
        let restart = Step(
            strategy: .restart(RestartStrategy()),
            when: Condition(
                categories: [.transient], reasons: [.timeout, .crashed], checks: ["u"], verdicts: [.degraded],
                minSeverity: .medium), attempts: .unlimited,
            backoff: Backoff(initial: .seconds(2), factor: 1.5, max: .seconds(9), jitter: 0.1), timeout: .seconds(11),
            verify: .seconds(12), cooldown: .seconds(13))
        let api = Component(
            name: "api", unit: "api.service", criticality: .critical, group: "web", tags: ["x:y", "z"],
            dependsOn: ["db"], mode: .observe, startupGrace: .seconds(20), stable: .seconds(3),
            checks: [
                Check(name: "e", kind: .exec(exec)),
                Check(
                    name: "h", kind: .http(http), interval: .seconds(4), timeout: .seconds(2), fall: 4, rise: 5,
                    window: FailureWindow(failures: 2, of: 9), fastInterval: .milliseconds(300), jitter: 0.025,
                    severity: .low, enabled: false),
                Check(name: "p", kind: .http(post)),
                Check(name: "u", kind: .unit(UnitCheck(states: ["active"]))),
            ],
            recovery: [
                Step(strategy: .healthCheck(HealthCheckStrategy(checks: ["h"]))), restart,
                Step(
                    name: "page",
                    strategy: .alert(AlertStrategy(channels: ["hook"], severity: .low, message: "m"))),
            ], rearm: .seconds(3600),
            breaker: BreakerPolicy(
                failures: 3, window: .seconds(120), minSeverity: .low, openFor: .seconds(180), halfOpen: 2))
        let database = Component(
            name: "db",
            checks: [Check(name: "t", kind: .tcp(TCPCheck(host: "::1", port: 5432, send: "a", expect: "b")))],
            recovery: [Step(name: "default", strategy: .alert(AlertStrategy()))])
        #expect(snapshot.components == [api, database])
        #expect(
            snapshot.guards
                == Guards(maxActions: .init(count: 3, per: .seconds(60)), maxConcurrent: 4, maxUnhealthy: 0.125))
        #expect(
            snapshot.channels == [
                "journal": Channel(name: "journal", kind: .journal, events: AlertEvent.journalDefaults),
                "hook": Channel(
                    name: "hook", kind: .webhook(url: "https://h/", secretFile: "/s"), minSeverity: .high,
                    events: [.opened], repeatEvery: .seconds(7200), groupWait: .seconds(1)),
                "run": Channel(name: "run", kind: .exec(command: ["/bin/y"], user: "w")),
            ])
    }

    @Test func `the other types of check have the keys and defaults of the language`() throws {
        let snapshot = try policy(
            policy(
                component: """
                    "unit": "a.service", "checks": {
                     "c1": {"type": "certificate", "host": "a"},
                     "c2": {"type": "certificate", "host": "a", "port": 8443, "expiresAfter": "7d"},
                     "c3": {"type": "certificate", "file": "/a"},
                     "j1": {"type": "journal", "pattern": "p"},
                     "j2": {"type": "journal", "pattern": "q", "count": 3, "within": "1m", "unit": "b.service"}}
                    """))
        let kinds = try #require(snapshot.components.first).checks.map(\.kind)
        #expect(
            kinds == [
                .certificate(CertificateCheck(source: .server(host: "a", port: 443))),
                .certificate(
                    CertificateCheck(source: .server(host: "a", port: 8443), expiresAfter: .seconds(7 * 86_400))),
                .certificate(CertificateCheck(source: .file("/a"), expiresAfter: .seconds(14 * 86_400))),
                .journal(
                    JournalCheck(unit: "a.service", pattern: try Pattern("p"), count: 1, within: .seconds(300))),
                .journal(
                    JournalCheck(unit: "b.service", pattern: try Pattern("q"), count: 3, within: .seconds(60))),
            ])
    }

    @Test func `defaults hold where nothing is written, and give way where something is`() throws {
        let snapshot = try policy(
            """
            {"version": 1,
             "defaults": {"check": {"interval": "8s", "timeout": "4s", "fall": 7, "fastInterval": "3s"},
              "component": {"stable": "9s", "mode": "observe", "breaker": {"failures": 9, "openFor": "9m"}},
              "step": {"verify": "90s", "backoff": {"initial": "2s"}}},
             "components": {"a": {"unit": "a.service", "mode": "auto", "breaker": {"openFor": "1m"},
               "checks": {"t": \(tcp), "f": {"type": "tcp", "host": "a", "port": 1, "interval": "2s", "fall": 2},
                "u": {"type": "unit"}},
               "recovery": [{"action": "RESTART", "backoff": {"max": "40s"}}, "default"]}}}
            """)
        let component = try #require(snapshot.components.first)
        #expect(component.stable == .seconds(9))
        #expect(component.mode == .auto)
        #expect(component.breaker == BreakerPolicy(failures: 9, openFor: .seconds(60)))
        let checks = Dictionary(uniqueKeysWithValues: component.checks.map { ($0.name, $0) })
        #expect(checks["t"]?.interval == .seconds(8))
        #expect(checks["t"]?.timeout == .seconds(4))
        #expect(checks["t"]?.fall == 7)
        #expect(checks["t"]?.fastInterval == .seconds(3))
        #expect(checks["f"]?.timeout == .milliseconds(1_600))
        #expect(checks["f"]?.fastInterval == .seconds(2))
        #expect(checks["f"]?.fall == 2)
        #expect(checks["u"]?.fall == 1)
        #expect(checks["u"]?.interval == .seconds(8))
        #expect(component.recovery.map(\.verify) == [.seconds(90), .seconds(90), .seconds(90)])
        #expect(component.recovery.map(\.backoff.initial) == [.seconds(2), .seconds(2), .seconds(2)])
        #expect(component.recovery.map(\.backoff.max) == [.seconds(40), .seconds(30), .seconds(30)])
        #expect(component.recovery.map(\.attempts) == [.limited(1), .limited(3), .limited(1)])
    }

    @Test func `a long first wait raises the longest where none is written`() throws {
        let component = try component(
            #""unit": "a.service", "checks": {"u": {"type": "unit"}}, "recovery": [{"action": "RESTART", "backoff": {"initial": "5m"}}]"#
        )
        #expect(component.recovery.first?.backoff.max == .seconds(300))
    }

    @Test func `a ladder from defaults keeps what an endpoint can do, and always an alert`() throws {
        for (ladder, actions) in [
            (#"[{"action": "RESTART"}, {"action": "HEALTH_CHECK"}]"#, ["HEALTH_CHECK"]),
            (#"[{"action": "RESTART"}]"#, ["ALERT"]),
        ] {
            let snapshot = try policy(
                #"{"version": 1, "defaults": {"component": {"recovery": \#(ladder)}}, "components": {"a": {"checks": {"t": \#(tcp)}}}}"#
            )
            #expect(snapshot.components.first?.recovery.map(\.strategy.action) == actions)
        }
    }

    @Test func `a protected unit may be watched by a ladder, or in a mode, that leaves it alone`() throws {
        for keys in [
            #""recovery": [{"action": "ALERT"}]"#, #""recovery": [{"action": "HEALTH_CHECK"}, {"action": "ALERT"}]"#,
            #""mode": "observe""#, #""mode": "observe", "recovery": [{"action": "RESTART"}]"#,
        ] {
            let component = try component(#""unit": "ssh.service", "checks": {"u": {"type": "unit"}}, \#(keys)"#)
            #expect(component.unit == "ssh.service")
        }
    }

    @Test(arguments: [
        "init.scope", "heald.service", "heald.socket", "dbus.service", "dbus.socket", "dbus-broker.service",
        "ssh.service", "ssh.socket", "ssh@1-10.0.0.1:22-10.0.0.2:5000.service", "sshd.service", "sshd@7.service",
        "systemd-journald.service", "systemd-journald.socket", "systemd-logind.service", "systemd-networkd.service",
        "systemd-resolved.service", "systemd-udevd.service", "NetworkManager.service", "networking.service",
        "ifup@eth0.service", "user@1000.service", "user-1000.slice", "getty@tty1.service", "polkit.service",
        "dbus-org.freedesktop.login1.service", "multi-user.target", "reboot.target", "-.mount", "var-lib.mount",
    ])
    func `a protected unit is refused with any step that could act on it`(unit: String) {
        for keys in [
            "", #", "recovery": [{"action": "ALERT"}, {"action": "RESTART"}]"#,
            #", "recovery": [{"action": "RESET_CONNECTION"}]"#,
            #", "recovery": [{"action": "EXEC", "command": ["/bin/true"]}]"#,
        ] {
            let text = #""unit": "\#(unit)", "checks": {"u": {"type": "unit"}}\#(keys)"#
            let problems = problems(in: policy(component: text))
            #expect(problems.contains { $0.contains("\(unit) is never acted on") }, "\(keys)")
        }
    }

    @Test(arguments: [
        "nginx.service", "sshguard.service", "userdb.service", "srv-data.mount", "app.target", "a@1.socket",
    ])
    func `other units are not protected`(unit: String) {
        #expect(problems(in: policy(component: #""unit": "\#(unit)", "checks": {"u": {"type": "unit"}}"#)) == [])
    }

    @Test func `a step behind an endless one is fine where it asks for other failures`() throws {
        let endless = #"{"action": "RESTART", "attempts": "unlimited"}"#
        for next in [
            #"{"action": "ALERT", "when": {"category": ["TRANSIENT", "PERMANENT"]}}"#,
            #"{"action": "ALERT", "when": {"reason": "auth_error"}}"#,
            #"{"action": "ALERT", "when": {"verdict": ["degraded"]}}"#,
        ] {
            let text = #""unit": "a.service", "checks": {"u": {"type": "unit"}}, "recovery": [\#(endless), \#(next)]"#
            #expect(problems(in: policy(component: text)) == [])
        }
        let conditional =
            #"{"action": "RESTART", "attempts": "unlimited", "when": {"reason": "crashed"}}, {"action": "ALERT"}"#
        let text = #""unit": "a.service", "checks": {"u": {"type": "unit"}}, "recovery": [\#(conditional)]"#
        #expect(problems(in: policy(component: text)) == [])
    }

    @Test func `descriptions may stand in every object`() throws {
        let text = """
            {"description": "", "version": 1, "defaults": {"description": "", "check": {"description": ""}},
             "guards": {"description": "", "maxActions": {"description": ""}},
             "channels": {"description": "", "c": {"description": "", "type": "journal"}},
             "strategies": {"description": "", "s": {"description": "", "action": "ALERT"}},
             "components": {"description": "", "a": {"description": "", "breaker": {"description": ""},
              "checks": {"description": "", "t": {"description": "", "type": "http", "url": "http://a", "expect":
               {"description": ""}}}, "recovery": [{"description": "", "action": "ALERT", "when": {"description": ""},
               "backoff": {"description": ""}}]}}}
            """
        #expect(problems(in: text) == [])
    }

    @Test func `a component may be called description`() throws {
        let snapshot = try policy(#"{"version": 1, "components": {"description": {"checks": {"t": \#(tcp)}}}}"#)
        #expect(snapshot.components.map(\.name) == ["description"])
    }

    @Test func `what a reload changes is told by what it means`() throws {
        let one = try policy(
            #"{"version": 1, "components": {"a": {"checks": {"t": \#(tcp)}}, "b": {"checks": {"t": \#(tcp)}}}}"#)
        let same = try policy(
            #"{"components": {"b": {"checks": {"t": \#(tcp)}, "stable": "2000ms"}, "a": {"checks": {"t": \#(tcp)}}}, "version": 1}"#
        )
        #expect(PolicyChange(from: one, to: same).isEmpty)
        #expect(PolicyChange(from: one, to: same).description == "no change")
        let other = try policy(
            #"{"version": 1, "guards": {"maxConcurrent": 1}, "components": {"b": {"stable": "5s", "checks": {"t": \#(tcp)}}, "c": {"checks": {"t": \#(tcp)}}}}"#
        )
        let change = PolicyChange(from: one, to: other)
        #expect(change.added == ["c"])
        #expect(change.removed == ["a"])
        #expect(change.changed == ["b"])
        #expect(change.description == "1 added, 1 removed, 1 changed, guards changed")
    }
}
