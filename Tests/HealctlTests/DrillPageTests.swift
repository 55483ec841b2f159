import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import HealctlKit

/// What `healctl drill` shows.
@Suite struct DrillPageTests {
    private static func plan(_ obstacles: [DrillObstacle] = []) -> DrillPlan {
        DrillPlan(
            component: "web", fault: .kill, unit: "web.service", mainPID: 100, obstacles: obstacles,
            noticedBy: ["page", "unit"], firstRepair: "RESTART", noticeWithinMs: 16_000, healWithinMs: 114_000)
    }

    private static func drill(_ outcome: DrillOutcome) -> DrillStatus {
        var drill = DrillStatus(
            id: 7, component: "web", fault: .kill, unit: "web.service", mainPID: 100, by: "anna", reason: nil,
            state: outcome.rawValue, begunAt: "2026-11-20T01:00:00.000000Z")
        drill.detail = "healed by heald"
        drill.injectedAt = "2026-11-20T01:00:00.002000Z"
        drill.incident = 3
        (drill.action, drill.repairs, drill.healer) = ("RESTART", 1, .heald)
        (drill.noticedMs, drill.decidedMs, drill.sentMs) = (1.25, 1.25, 3)
        (drill.repairedMs, drill.upMs, drill.provenMs) = (39, 45.4, 2_050)
        return drill
    }

    @Test func `the plan of one that is safe`() {
        #expect(
            DrillPlanPage(Self.plan()).text(on: Terminal()) == """
                Drill of web: nothing speaks against it.
                  fault     SIGKILL to process 100, the main process of web.service
                  noticed   by page, unit, within 16.0 s
                  repaired  by RESTART, within 1m 54s of that

                """)
    }

    @Test func `every reason against it, each on a line of its own, and nothing that acts on a terminal`() {
        let obstacles = [
            DrillObstacle(.paused, "its repairs are paused"), DrillObstacle(.inFlight, "a job\u{1B}[2J is in flight"),
        ]
        let text = DrillPlanPage(Self.plan(obstacles)).text(on: Terminal(width: 40))
        #expect(text.hasPrefix("No drill of web: it is not safe now.\n  - its repairs are paused\n  - a job"))
        #expect(!text.contains("\u{1B}"))
    }

    @Test func `the report of one that was healed`() {
        #expect(
            DrillPage(Self.drill(.healed)).text(on: Terminal()) == """
                Drill 7 of web: healed after 45 ms
                  healed by heald

                    0 ms  injected  SIGKILL to process 100 of web.service
                    1 ms  noticed   incident 3
                    1 ms  decided   RESTART
                    3 ms  sent      to systemd, after the decision was on the disk
                   39 ms  repaired  RESTART came back
                   45 ms  up        the first of the passes that held
                  2.05 s  proven    healed by heald

                The story: healctl incidents show 3

                """)
    }

    @Test func `what was not reached is left out for people and null for programs`() {
        var drill = Self.drill(.notNoticed)
        drill.noticedMs = nil
        (drill.decidedMs, drill.sentMs, drill.repairedMs, drill.upMs, drill.provenMs) = (nil, nil, nil, nil, nil)
        (drill.incident, drill.healer) = (nil, nil)
        let page = DrillPage(drill)
        #expect(page.text(on: Terminal()).contains("not noticed\n"))
        #expect(!page.text(on: Terminal()).contains("story"))
        #expect(page.json.text.contains("\"noticedMs\": null,\n"))
        #expect(page.json.text.contains("\"state\": \"notNoticed\""))
    }

    @Test func `a number that no drill can have is no harm`() {
        for number in [Double.infinity, .nan, -1, 1e300] {
            var drill = Self.drill(.healed)
            drill.upMs = number
            #expect(!DrillPage(drill).text(on: Terminal()).isEmpty)
        }
    }
}
