import AuditTrail
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import HealctlKit

@Suite struct IncidentListTests {
    private let list = IncidentList(
        rows: [Stories.suppressed, Stories.exhausted.incident, Stories.healed.incident], selection: "since yesterday")

    @Test func `at 80 columns the cause is cut and the rest stands`() {
        #expect(
            self.list.text(on: Terminal(width: 80), times: Stories.times) == """
                ID  STATE       COMPONENT  FAILED           RECOVER  CAUSE
                 8  suppressed  web-shop   Nov 20 03:04:07        –  because of db; http: 答え…
                 7  exhausted   db         Nov 20 03:04:05        –  unit: main process exited …
                41  resolved    api        Nov 20 03:04:05   340 ms  unit: main process killed …

                1 not resolved; the story of the newest: healctl incidents show 7

                """)
    }

    @Test func `where there is room everything is shown`() {
        #expect(
            self.list.text(on: Terminal(), times: Stories.times) == """
                ID  STATE       COMPONENT  FAILED           AGO  DETECT  RECOVER  CAUSE                                                        ACTIONS
                 8  suppressed  web-shop   Nov 20 03:04:07   6m   12 ms        –  because of db; http: 答えは 503 \\u{1b}[2J\\u{202e}evil\\nline
                 7  exhausted   db         Nov 20 03:04:05   6m    8 ms        –  unit: main process exited with status 1                      RESTART x2 failed, RESTART skipped, ALERT running
                41  resolved    api        Nov 20 03:04:05   6m    2 ms   340 ms  unit: main process killed by SIGKILL                         RESTART succeeded

                1 not resolved; the story of the newest: healctl incidents show 7

                """)
    }

    @Test func `no line is wider than the terminal, and nothing in it acts on one`() {
        for width in 40...160 {
            let text = self.list.text(on: Terminal(width: width), times: Stories.times)
            for line in text.split(separator: "\n").prefix(4) { #expect(displayWidth(String(line)) <= max(width, 48)) }
            #expect(!text.unicodeScalars.contains { $0.value < 32 && $0 != "\n" || $0 == "\u{202E}" })
        }
    }

    @Test func `nothing found says what was looked for, and a list that is cut says so`() {
        let none = IncidentList(rows: [], selection: "since yesterday of api")
        #expect(none.text(on: Terminal(), times: Stories.times) == "No incidents since yesterday of api.\n")
        let cut = IncidentList(rows: [Stories.healed.incident], selection: "", isCut: true)
        #expect(
            cut.text(on: Terminal(), times: Stories.times).hasSuffix("\n… the newest 1 only; --limit shows more\n"))
    }

    @Test func `the state is coloured on a terminal with colours`() {
        let text = self.list.text(on: Terminal(width: 80, hasColors: true), times: Stories.times)
        #expect(text.contains("\u{1B}[1;31mexhausted\u{1B}[0m"))
        #expect(text.contains("\u{1B}[32mresolved\u{1B}[0m"))
    }
}

@Suite struct IncidentStoryTests {
    @Test func `a repair reads like a story`() {
        #expect(
            Stories.healed.text(on: Terminal(width: 80), times: Stories.times) == """
                Incident 41: api resolved after 340 ms (HIGH)

                  What      main process killed by SIGKILL
                  Seen by   check unit: crashed, TRANSIENT
                  Failed    2026-11-20 03:04:05.123 UTC (6m ago)
                  Detected  after 2 ms
                  Up again  after 340 ms, 03:04:05.463, healed by heald
                  Took      2 ms to detect · 1 ms to decide · 38 ms in 1 action · 299 ms from
                            the last action until up · 340 ms in all

                What happened
                  T+0.000 s  failed    main process killed by SIGKILL
                  T+0.002 s  detected  by check unit, as crashed (TRANSIENT)
                  T+0.003 s  RESTART   attempt 1 of api.service, step 1: the first step
                  T+0.041 s  RESTART   succeeded after 38 ms: job 4211 done
                  T+2.340 s  verified  RESTART helped: 2 of 2 checks up for 2 s
                  T+2.340 s  resolved  up since T+0.340 s: healed by heald

                """)
    }

    @Test func `what was tried in vain, what was skipped and what to do is told`() {
        #expect(
            Stories.exhausted.text(on: Terminal(width: 120), times: Stories.times) == """
                Incident 7: db exhausted: every step was tried (CRITICAL)

                  What      main process exited with status 1
                  Seen by   check unit: exited, TRANSIENT
                  Failed    2026-11-20 03:04:05.123 UTC (6m ago)
                  Detected  after 8 ms
                  Follows   incident 6; the ladder went on where that left it
                  Took      8 ms to detect · 1 ms to decide · 1.63 s in 2 actions

                What happened
                  03:04:05.123   T+0.000 s  failed     main process exited with status 1
                  03:04:05.131   T+0.008 s  detected   by check unit, as exited (TRANSIENT)
                  03:04:05.132   T+0.009 s  RESTART    attempt 1 of postgresql.service, step 1: the first step
                  03:04:05.154   T+0.031 s  evidence   kept, see below: journal, 2 lines
                  03:04:05.935   T+0.812 s  RESTART    failed after 803 ms: job 4300 failed
                  03:04:05.935   T+0.812 s  note       next attempt in 1.1 s
                  03:04:07.033   T+1.910 s  RESTART    attempt 2 of postgresql.service, step 1: attempt 1 failed
                  03:04:07.856   T+2.733 s  RESTART    succeeded after 823 ms: job 4301 done
                  03:04:22.856  T+17.733 s  verified   RESTART did not help: check port still down after 15 s: connection refused by
                                                       127.0.0.1:5432
                  03:04:22.857  T+17.734 s  RESTART    skipped, step 2: asks for DATA_VALIDATION, this is TRANSIENT
                  03:04:22.858  T+17.735 s  breaker    closed → open: 5 recoveries failed within 60 s
                  03:04:22.858  T+17.735 s  ALERT      attempt 1, step 3: the last step
                  03:04:22.859  T+17.736 s  exhausted  every step was tried; the ladder may begin again at 03:19:05.123

                Evidence
                  Last lines of the unit's journal, kept at T+0.031 s
                  | FATAL: could not write
                  | shut down \\u{202e}gone

                What you can do
                  Nothing more is tried before 03:19:05.123 (in 8m).
                  journalctl -u postgresql.service  its whole log
                  healctl check db                  run its checks now
                  healctl resume db                 let heald begin again at once

                """)
    }

    @Test func `an incident of a later version is told as far as it is understood`() {
        var story = Stories.healed
        story.incident.state = "hibernating\u{7}"
        story.unreadable = 2
        let text = story.text(on: Terminal(width: 80), times: Stories.times)
        #expect(text.hasPrefix("Incident 41: api hibernating\\u{7} (HIGH)\n"))
        #expect(text.contains("\n  and 2 more that this version cannot read: see healctl version\n"))
    }

    @Test func `every kind of record has its line`() {
        let bodies: [AuditRecord.Body] = [
            .incidentSuppressed(rootCause: "db"), .incidentSuppressed(rootCause: nil), .incidentRearmed,
            .freezeChanged(frozen: true, why: "half of the host is down"), .freezeChanged(frozen: false, why: "calm"),
            .paused(until: Stories.at(3_600_000), by: "alice", reason: "disks"), .resumed(by: "alice"),
            .timeCounts(false, why: "paused"), .timeCounts(true, why: "resumed"),
            .supervisorStarted(version: "1", processID: 12), .supervisorStopped(reason: "SIGTERM"),
            .policyLoaded(generation: 3, components: []), .policyRejected(firstError: "no", errors: 1),
            .pruned(through: 4, anchor: "ab"), .verification(action: 99, succeeded: true, detail: "up"),
            .actionFinished(id: 98, .init(.timedOut, detail: "after 30 s")),
            .approvalAsked(
                id: 97, action: "RESTART", attempt: 1, step: 0, until: Stories.at(3_600_000), why: "port: refused"),
            .approvalDecided(id: 97, .approved, by: "alice", why: nil),
            .approvalDecided(id: 97, .withdrawn, by: nil, why: "it is up again"),
        ]
        let story = IncidentStory(
            incident: Stories.healed.incident, records: bodies.map { Stories.record(5, $0) })
        #expect(
            story.moments(Stories.times).map { "\($0.what): \($0.text)" } == [
                "waiting: waits for db, which is down", "waiting: waits no longer", "again: the ladder begins again",
                "frozen: half of the host is down", "thawed: calm", "paused: until 04:04:05.123 by alice: disks",
                "resumed: by alice", "time: counts as neither up nor down: paused", "time: counts again: resumed",
                "heald: started, version 1, process 12", "heald: stopped: SIGTERM", "policy: generation 3 loaded",
                "policy: refused: no", "audit: older records were removed by retention", "verified: helped: up",
                "action 98: timed out: after 30 s",
                "approval: RESTART, attempt 1, waits for an operator until 04:04:05.123, as 97: port: refused",
                "approved: 97 by alice", "withdrawn: 97: it is up again",
            ])
    }

    @Test func `a command that is to be copied is never broken`() {
        var story = Stories.exhausted
        story.incident.component = String(repeating: "long-", count: 12) + "x"
        let text = story.text(on: Terminal(width: 60), times: Stories.times)
        #expect(text.contains("\n  healctl resume \(story.incident.component)\n      let heald begin again at once\n"))
    }
}

@Suite struct StatusPageTests {
    static let status = SupervisorStatus(
        state: "running", reason: nil, version: "0.1.0", startedAt: "2026-11-17T03:04:05.000000Z",
        policy: .init(
            generation: 7, loadedAt: "2026-11-20T01:04:05.000000Z",
            error: "web.json:12:18: $.components.api: got \"2x\""),
        components: [
            component("api", .up, "healthy", since: "2026-11-19T03:04:05.000000Z", unit: "api.service"),
            component(
                "db", .down, "exhausted", since: "2026-11-20T03:04:05.000000Z", unit: "postgresql.service", incident: 7,
                checks: [
                    .init(name: "unit", type: "unit", verdict: .up, message: nil, lastAt: nil, seconds: nil),
                    .init(
                        name: "port", type: "tcp", verdict: .down,
                        message: "refused \u{1B}[31mby\u{1B}[0m 127.0.0.1:5432",
                        lastAt: "2026-11-20T03:10:00.000000Z", seconds: 0.0123),
                ], detail: "may begin again at 03:19:05"),
            component("cache", .up, "suspect", since: "2026-11-20T03:10:04.000000Z", unit: nil),
        ])

    static func component(
        _ name: String, _ verdict: Verdict, _ state: String, since: String, unit: String?, incident: Int64? = nil,
        checks: [CheckStatus]? = nil, detail: String? = nil
    ) -> ComponentStatus {
        ComponentStatus(
            name: name, verdict: verdict, state: state, detail: detail, since: since, unit: unit,
            checks: checks ?? [
                .init(name: "unit", type: "unit", verdict: verdict, message: nil, lastAt: nil, seconds: nil)
            ], openIncident: incident)
    }

    @Test func `the worst comes first, and a policy that is refused is said at the top`() {
        #expect(
            StatusPage(Self.status).text(on: Terminal(width: 120), times: Stories.times) == """
                heald 0.1.0 running, up 3d, policy 7 loaded 2h ago
                The policy on disk is refused; generation 7 goes on: web.json:12:18: $.components.api: got "2x"
                3 components: 1 exhausted, 1 suspect, 1 healthy

                COMPONENT  STATE      SINCE  CHECKS        INCIDENT  UNIT                DETAIL
                db         exhausted     6m  1 down, 1 up         7  postgresql.service  may begin again at 03:19:05; port: refused by …
                cache      suspect      41s  1 up
                api        healthy      24h  1 up                    api.service

                """)
    }

    @Test func `at 80 columns the detail stays`() {
        let text = StatusPage(Self.status).text(on: Terminal(width: 80), times: Stories.times)
        for line in text.split(separator: "\n").suffix(4) { #expect(displayWidth(String(line)) <= 80) }
        #expect(text.contains("may begin again at"))
    }

    @Test func `a supervisor that does not act says why in the first line`() {
        var status = Self.status
        (status.state, status.reason, status.policy.error) = ("unrecorded", "no space left on device", nil)
        status.components = []
        #expect(
            StatusPage(status).text(on: Terminal(), times: Stories.times) == """
                heald 0.1.0 unrecorded: no space left on device, up 3d, policy 7 loaded 2h ago
                0 components

                The policy declares no components.

                """)
    }

    @Test func `check shows what each check said`() {
        let report = CheckReport(component: "db", checks: Self.status.components[1].checks)
        #expect(
            report.text(on: Terminal()) == """
                CHECK  TYPE  VERDICT   TOOK  MESSAGE
                unit   unit  up           –
                port   tcp   down     12 ms  refused by 127.0.0.1:5432

                """)
    }
}

@Suite struct OtherPageTests {
    @Test func `statistics are never rounded up to perfection`() {
        #expect(StatisticsReport.percent(1) == "100 %")
        #expect(StatisticsReport.percent(0.999_999_9) == "99.999 %")
        #expect(StatisticsReport.percent(0) == "0.000 %")
    }

    static let statistics = StatisticsReport(
        since: Stories.failed,
        overall: figures(incidents: 2, availability: 0.9985),
        components: [
            .init(component: "api", figures: figures(incidents: 2, availability: 0.997)),
            .init(
                component: "db",
                figures: .init(
                    incidents: 0, availability: nil, mttd: .init(), mttr: .init(),
                    mtbf: .init(mean: .infinity, p50: .nan, p95: 1e300), healedWithoutHuman: nil, actions: [])),
        ])

    static func figures(incidents: Int64, availability: Double) -> StatisticsReport.Figures {
        StatisticsReport.Figures(
            incidents: incidents, availability: availability, mttd: .init(mean: 0.002, p50: 0.001, p95: 0.003),
            mttr: .init(mean: 1.5, p50: 0.34, p95: 12.25), mtbf: .init(mean: 7_200, p50: 3_600, p95: 10_800),
            healedWithoutHuman: 0.999,
            actions: [
                .init(action: "ALERT", succeeded: 1, failed: 0), .init(action: "RESTART", succeeded: 3, failed: 2),
            ])
    }

    @Test func `statistics as a table`() {
        #expect(
            Self.statistics.text(on: Terminal(width: 120), times: Stories.times) == """
                Since 2026-11-20 03:04:05.123 UTC (6m)

                COMPONENT  AVAILABLE  INCIDENTS  HEALED  MTTD    MTTR     P50     P95  MTBF  ACTIONS (ok/failed)
                api         99.700 %          2    99 %  2 ms  1.50 s  340 ms  12.3 s    2h  ALERT 1/0, RESTART 3/2
                db                 –          0       –     –       –       –       –     –
                all         99.850 %          2    99 %  2 ms  1.50 s  340 ms  12.3 s    2h  ALERT 1/0, RESTART 3/2

                """)
    }

    @Test func `diagnostics come one a line, with a word at the end`() {
        let page = PolicyCheckPage(diagnostics: [
            Diagnostic(
                file: "web.json", line: 12, column: 18, path: "$.components.api", kind: .schema,
                message: "got \"2x\"\u{1B}[2J"),
            Diagnostic(file: "web.json", kind: .semantic, severity: .warning, message: "no ALERT"),
        ])
        #expect(!page.isValid)
        #expect(
            page.text(on: Terminal()) == """
                web.json:12:18: $.components.api: got "2x"\\u{1b}[2J
                web.json: warning: no ALERT
                not valid: 1 error, 1 warning

                """)
        #expect(PolicyCheckPage(diagnostics: []).text(on: Terminal()) == "valid\n")
    }

    @Test func `a reload tells the generation or the errors`() {
        #expect(ReloadPage(.init(applied: true, generation: 8, errors: [])).text == "Policy generation 8 runs.\n")
        #expect(
            ReloadPage(.init(applied: false, generation: 7, errors: ["a.json:1:1: $: no\u{7}"])).text == """
                a.json:1:1: $: no\\u{7}
                The policies are refused (1 error); generation 7 goes on.

                """)
    }

    @Test func `a trail that was changed is told with what is wrong`() {
        let page = VerificationPage(
            records: 9, head: "9:ab", firstBadRecord: 4, findings: ["record 4 was changed"], remarks: ["a \u{1B}c copy"]
        )
        #expect(
            page.text(on: Terminal()) == """
                The audit trail is not what was written (9 records):
                  record 4 was changed
                  not looked at: a \\u{1b}c copy
                End of the chain: 9:ab

                """)
    }

    @Test func `a failure is three lines for people and an object for programs`() {
        let failure = CommandFailure(.unavailable, what: "What.\u{1B}[2J", why: "Why.", fix: "Fix.")
        #expect(failure.text == "healctl: What.\\u{1b}[2J\n  why: Why.\n  fix: Fix.\n")
        #expect(
            failure.json.text == "{\n  \"error\": \"What.\\u001b[2J\",\n  \"why\": \"Why.\",\n  \"fix\": \"Fix.\"\n}\n")
    }
}
