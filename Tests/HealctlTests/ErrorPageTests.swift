import AuditTrail
import Resilience
import ResilienceCore
import Testing

@testable import HealctlKit

@Suite struct ErrorPageTests {
    private static func pattern(
        _ component: String, _ errorClass: String, _ message: String, count: Int, recent: Int, _ trend: ErrorTrend
    ) -> ErrorReport.Pattern {
        ErrorReport.Pattern(
            component: component, source: "http", errorClass: errorClass, category: "TRANSIENT", message: message,
            count: count, recent: recent, firstAt: Stories.failed, lastAt: Stories.now, trend: trend,
            recursEvery: trend == .steady ? .seconds(7_200) : nil, incident: 41)
    }

    private static let errors = ErrorReport(
        since: Stories.failed, window: .seconds(86_400),
        patterns: [
            pattern("api", "timeout", "no answer in # s\u{1B}[2J", count: 42, recent: 12, .rising),
            pattern("db", "action_failed", "job # failed", count: 7, recent: 3, .steady),
            pattern("web", "connection", "refused by #", count: 1, recent: 0, .gone),
        ], isPartial: false)

    @Test func `errors as a table, the hidden ones counted, and where to look`() {
        #expect(
            ErrorPage(report: Self.errors, limit: 2, selection: " of all").text(
                on: Terminal(width: 120), times: Stories.times) == """
                    Errors since 2026-11-20 03:04:05.123 UTC of all; trends: the last 24h against those before

                    COUNT  24H  TREND   CLASS          COMPONENT  SOURCE  FIRST            LAST             EVERY  MESSAGE
                       42   12  rising  timeout        api        http    Nov 20 03:04:05  Nov 20 03:10:45         no answer in # s\\u{1b}[2J
                        7    3  steady  action_failed  db         http    Nov 20 03:04:05  Nov 20 03:10:45     2h  job # failed
                    … and 1 more; --limit shows them

                    Rising, for example: healctl incidents show 41

                    """)
        let none = ErrorReport(since: Stories.failed, window: .seconds(60), patterns: [], isPartial: false)
        #expect(
            ErrorPage(report: none, limit: 2, selection: " of web").text(on: Terminal(), times: Stories.times)
                == "No errors since 2026-11-20 03:04:05.123 UTC of web.\n")
    }

    @Test func `errors fit every terminal`() {
        for width in 60...160 {
            let text = ErrorPage(report: Self.errors, limit: 20).text(on: Terminal(width: width), times: Stories.times)
            for line in text.split(separator: "\n").dropFirst().prefix(Self.errors.patterns.count + 1) {
                #expect(displayWidth(String(line)) <= width)
            }
        }
    }

    @Test func `errors have every key, and null where there is no data`() {
        var report = Self.errors
        report.patterns = [report.patterns[0]]
        #expect(
            ErrorPage(report: report, limit: 20).json.text == """
                {
                  "since": "2026-11-20T03:04:05.123000Z",
                  "windowSeconds": 86400,
                  "partial": false,
                  "errors": [
                    {
                      "class": "timeout",
                      "category": "TRANSIENT",
                      "component": "api",
                      "source": "http",
                      "message": "no answer in # s\\u001b[2J",
                      "count": 42,
                      "recent": 12,
                      "trend": "rising",
                      "firstAt": "2026-11-20T03:04:05.123000Z",
                      "lastAt": "2026-11-20T03:10:45.123000Z",
                      "recursEverySeconds": null,
                      "incident": 41
                    }
                  ]
                }

                """)
    }
}
