import Foundation
import Supervisor
import Testing

@testable import ControlAPI
@testable import HealctlKit

@Suite struct RouteTests {
    private let me = Accounts().userName(of: geteuid())

    @Test func `status has every key, null where nothing is known`() async throws {
        try await TestServer.with(RecordingControl()) { server in
            let answer = try await server.request("GET", "/v1/status")
            #expect(answer.status == 200)
            let component = """
                {"checks":[{"lastAt":null,"message":null,"name":"port","seconds":null,"type":"tcp","verdict":"up"}],\
                "detail":null,"name":"NAME","openIncident":null,"since":"2026-11-20T01:00:00.000000Z",\
                "state":"healthy","unit":null,"verdict":"up"}
                """
            let components = ["api", "db"].map { component.replacing("NAME", with: $0) }.joined(separator: ",")
            #expect(
                answer.text == """
                    {"components":[\(components)],"degradation":null,"drill":null,"policy":{"error":null,"generation":7,\
                    "loadedAt":"2026-11-20T01:00:00.000000Z"},"reason":null,\
                    "startedAt":"2026-11-20T00:00:00.000000Z","state":"running","version":"1.2.3"}

                    """)
        }
    }

    @Test func `the level of degradation is told, NORMAL where the policy has none`() async throws {
        try await TestServer.with(RecordingControl()) { server in
            let answer = try await server.request("GET", "/v1/degradation")
            #expect(
                answer.text == """
                    {"askedBy":[],"features":{},"level":"NORMAL","problem":null,"since":null,"units":[],"why":null}

                    """)
        }
    }

    @Test func `version is told`() async throws {
        try await TestServer.with(RecordingControl()) { server in
            let answer = try await server.request("GET", "/v1/version")
            #expect(answer.text == "{\"version\":\"1.2.3\"}\n")
        }
    }

    @Test(arguments: [("running", 200), ("paused", 200), ("frozen", 200), ("unrecorded", 503), ("blind", 503)])
    func `health is good while the supervisor can do its work or holds back on purpose`(
        state: String, status: Int
    ) async throws {
        try await TestServer.with(RecordingControl(state: state)) { server in
            let answer = try await server.request("GET", "/v1/healthz")
            #expect(answer.status == status)
            #expect(answer.object["state"] as? String == state)
        }
    }

    @Test func `a supervisor that is stuck is unhealthy, and asking it ends`() async throws {
        try await TestServer.with(RecordingControl(isHung: true), { $0.limits.status = .milliseconds(100) }) { server in
            let health = try await server.request("GET", "/v1/healthz")
            #expect(health.status == 503)
            #expect(health.object["status"] as? String == "stalled")
            let status = try await server.request("GET", "/v1/status")
            #expect(status.status == 504)
            #expect(status.object["error"] as? String == "The supervisor did not answer.")
        }
    }

    @Test func `reload passes on who asked, and what it came to`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let answer = try await server.request("POST", "/v1/reload")
            #expect(answer.status == 200)
            #expect(answer.text == "{\"applied\":true,\"errors\":[],\"generation\":8}\n")
        }
        #expect(await control.calls == [.reload(by: self.me)])
    }

    @Test func `a reload of bad policies says what is wrong with them`() async throws {
        let control = RecordingControl(
            reloadReport: .init(applied: false, generation: 7, errors: ["a.json:1:2: $.x: no"]))
        try await TestServer.with(control) { server in
            let answer = try await server.request("POST", "/v1/reload")
            #expect(answer.status == 422)
            #expect(answer.object["errors"] as? [String] == ["a.json:1:2: $.x: no"])
        }
    }

    @Test func `a pause passes on component, length, operator and reason`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            for body in [
                #"{"component":"api","for":"1h30m","reason":"deploy"}"#,
                #"{"for":"30d","reason":"move \u001b[31mto\u001b[0m \u0007new disks"}"#,
                #"{"component":null,"for":"1ms","reason":"x"}"#,
            ] {
                let answer = try await server.request("POST", "/v1/pause", body)
                #expect(answer.status == 200)
            }
        }
        #expect(
            await control.calls == [
                .pause(component: "api", duration: .seconds(5_400), by: self.me, reason: "deploy"),
                .pause(
                    component: nil, duration: .seconds(30 * 86_400), by: self.me,
                    reason: #"move to \u{7}new disks"#),
                .pause(component: nil, duration: .milliseconds(1), by: self.me, reason: "x"),
            ])
    }

    @Test(arguments: [
        ("", "It is not JSON."),
        ("{", "It is not JSON."),
        ("[]", "It is not an object."),
        (#"{"for":"1h"}"#, "`reason` is missing."),
        (#"{"reason":"x"}"#, "`for` is missing."),
        (#"{"for":3600,"reason":"x"}"#, "`for` is not a string."),
        (#"{"for":"1h","reason":" "}"#, "`reason` is empty."),
        (#"{"for":"0s","reason":"x"}"#, "`for` is \"0s\"."),
        (#"{"for":"-1h","reason":"x"}"#, "`for` is \"-1h\"."),
        (#"{"for":"30d1ms","reason":"x"}"#, "`for` is \"30d1ms\"."),
        (#"{"for":"forever","reason":"x"}"#, "`for` is \"forever\"."),
        (#"{"for":"1h","reason":"x","componnent":"api"}"#, "There is no key `componnent`."),
    ])
    func `a pause that is not understood is refused with the reason`(body: String, why: String) async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let answer = try await server.request("POST", "/v1/pause", body)
            #expect(answer.status == 400)
            #expect(Set(answer.object.keys) == ["error", "why", "fix"])
            #expect(answer.object["why"] as? String == why)
        }
        #expect(await control.calls.isEmpty)
    }

    @Test func `resume is of one component or of all`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            #expect(try await server.request("POST", "/v1/resume").status == 200)
            #expect(try await server.request("POST", "/v1/resume", #"{"component":"api"}"#).status == 200)
            let refused = try await server.request("POST", "/v1/resume", #"{"component":"db"}"#)
            #expect(refused.status == 400)
            #expect(refused.object["why"] as? String == "db is not paused.")
        }
        #expect(await control.calls == [.resume(component: nil, by: self.me), .resume(component: "api", by: self.me)])
    }

    @Test func `what waits for an operator is approved or denied, by number or name, with who and why`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let approved = try await server.request("POST", "/v1/approve", #"{"target":"17","reason":"go\u0007"}"#)
            #expect(approved.status == 200)
            #expect(approved.text == #"{"action":"RESTART","attempt":2,"component":"api","id":17}"# + "\n")
            #expect(try await server.request("POST", "/v1/deny", #"{"target":"api","reason":null}"#).status == 200)
            let gone = try await server.request("POST", "/v1/approve", #"{"target":"16"}"#)
            #expect(gone.status == 404)
            #expect(gone.object["error"] as? String == "Nothing waits for approval as \"16\".")
            #expect(gone.object["why"] as? String == "What waits is 17 (RESTART of api).")
            for body in ["", "{}", #"{"target":17}"#, #"{"target":"17","resaon":"x"}"#] {
                #expect(try await server.request("POST", "/v1/approve", body).status == 400)
            }
        }
        #expect(
            await control.calls == [
                .answer("17", approves: true, by: self.me, reason: #"go\u{7}"#),
                .answer("api", approves: false, by: self.me, reason: nil),
            ])
    }

    @Test func `a latch is acknowledged by name`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let answer = try await server.request("POST", "/v1/ack", #"{"component":"api"}"#)
            #expect(answer.status == 200)
            #expect(try await server.request("POST", "/v1/ack", #"{"component":"ap"}"#).status == 404)
            #expect(try await server.request("POST", "/v1/ack", "{}").status == 400)
        }
        #expect(await control.calls == [.acknowledge("api", by: self.me)])
    }

    @Test func `a failback is asked for by name, and a refusal says why`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            #expect(try await server.request("POST", "/v1/failback", #"{"component":"api"}"#).status == 200)
            let refused = try await server.request("POST", "/v1/failback", #"{"component":"db"}"#)
            #expect(refused.status == 409)
            #expect(refused.object["error"] as? String == "db does not go back to its own unit.")
            #expect(refused.object["why"] as? String == "it is the active one.")
            #expect(try await server.request("POST", "/v1/failback", #"{"component":"ap"}"#).status == 404)
            #expect(try await server.request("POST", "/v1/failback", "{}").status == 400)
        }
        #expect(await control.calls == [.failBack("api", by: self.me)])
    }

    @Test func `a drill is asked about, begun, or refused with all that speaks against it`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let asked = try await server.request(
                "POST", "/v1/drill", #"{"component":"db","fault":"hang","dryRun":true}"#)
            #expect(asked.status == 200)
            #expect(
                asked.text == """
                    {"drill":null,"plan":{"component":"db","fault":"hang","firstRepair":"RESTART","healWithinMs":60000,\
                    "mainPID":42,"noticeWithinMs":10000,"noticedBy":["port"],"obstacles":[{"kind":"latched",\
                    "text":"it is latched"},{"kind":"paused","text":"it is paused"}],"safe":false,"unit":"db.service"}}

                    """)
            let begun = try await server.request("POST", "/v1/drill", #"{"component":"api","reason":"monthly"}"#)
            #expect(begun.status == 200)
            let drill = try #require(begun.object["drill"] as? [String: Any])
            #expect(drill["state"] as? String == "running" && drill["noticedMs"] is NSNull)
            #expect(drill["by"] as? String == self.me)
            let refused = try await server.request("POST", "/v1/drill", #"{"component":"db"}"#)
            #expect(refused.status == 409)
            #expect(refused.object["why"] as? String == "it is latched; it is paused.")
            #expect((refused.object["obstacles"] as? [Any])?.count == 2)
            #expect(try await server.request("POST", "/v1/drill", #"{"component":"ap"}"#).status == 404)
            for body in [
                "{}", #"{"component":"api","fault":"burn"}"#, #"{"component":"api","dryRun":"yes"}"#,
                #"{"component":"api","now":true}"#,
            ] {
                #expect(try await server.request("POST", "/v1/drill", body).status == 400, "\(body)")
            }
            #expect(try await server.request("GET", "/v1/drill").status == 405)
        }
        #expect(
            await control.calls == [
                .drill("db", .hang, by: self.me, reason: nil, isDryRun: true),
                .drill("api", .kill, by: self.me, reason: "monthly", isDryRun: false),
                .drill("db", .kill, by: self.me, reason: nil, isDryRun: false),
            ])
    }

    @Test func `check runs the checks and returns what they say`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let answer = try await server.request("POST", "/v1/check/api")
            #expect(
                answer.text == """
                    {"checks":[{"lastAt":null,"message":"refused","name":"port","seconds":0.25,"type":"tcp",\
                    "verdict":"down"}]}

                    """)
        }
        #expect(await control.calls == [.check("api")])
    }

    @Test func `an unknown component is answered with the name that was probably meant`() async throws {
        try await TestServer.with(RecordingControl()) { server in
            let near = try await server.request("POST", "/v1/check/apj")
            #expect(near.status == 404)
            #expect(near.object["error"] as? String == "There is no component \"apj\".")
            #expect(near.object["why"] as? String == "The policy does not declare it; it declares api, db.")
            #expect(near.object["fix"] as? String == "Did you mean \"api\"?")
            let far = try await server.request("POST", "/v1/pause", #"{"component":"mail","for":"1h","reason":"x"}"#)
            #expect(far.status == 404)
            #expect(far.object["fix"] as? String == "See healctl status for the names.")
        }
    }

    @Test(arguments: [
        "/", "/v1", "/v1/", "/v1/status/", "/v1/Status", "/v2/status", "/v1/check", "/v1/check/", "/v1/check/API",
        "/v1/check/a/b", "/v1/check/..", "/v1/check/%61pi", "/v1/check/../reload", "//v1/status",
        "/v1/check/" + String(repeating: "a", count: 64), "/v1/beat", "/v1/beat/", "/v1/beat/api/", "/v1/beat/api/a/b",
        "/v1/beat//port", "/v1/beat/api/..", "/v2/beat/api",
    ])
    func `what is no route reaches nothing`(path: String) async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let answer = try await server.request("POST", path)
            #expect(answer.status == 404, "\(answer.text)")
            #expect(Set(answer.object.keys) == ["error", "why", "fix"])
        }
        #expect(await control.calls.isEmpty)
        #expect(await control.statusQuestions == 0)
    }

    @Test func `nothing is changed by a method meant for reading, nor read by one for changing`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
                for path in [
                    "/v1/reload", "/v1/pause", "/v1/resume", "/v1/approve", "/v1/deny", "/v1/ack", "/v1/check/api",
                    "/v1/beat/api",
                ] {
                    let text = "\(method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                    let answer = try await server.exchange(text)
                    #expect(
                        answer.hasPrefix("HTTP/1.1 405 ") && answer.lowercased().contains("\r\nallow: post\r\n")
                            || method == "BREW" && answer.hasPrefix("HTTP/1.1 400 "), "\(method) \(path): \(answer)")
                }
            }
            let answer = try await server.request("POST", "/v1/status")
            #expect(answer.status == 405)
            #expect(answer.object["fix"] as? String == "Use GET.")
        }
        #expect(await control.calls.isEmpty)
        #expect(await control.statusQuestions == 0)
    }
}
