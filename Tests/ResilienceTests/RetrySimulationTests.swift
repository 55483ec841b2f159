import Foundation
import Resilience
import ResilienceCore
import Testing

/// What jitter, backoff and the retry budget come to. The figures stand in Docs/resilience.md; `HEALD_REWRITE=1` writes
/// them anew.
@Suite struct RetrySimulationTests {
    private static let callers = 1_000

    private static func wait(_ shape: WaitShape, _ initial: Duration, _ jitter: Jitter) throws -> RetryWait {
        try RetryWait(shape, initial: initial, max: max(initial, .seconds(10)), jitter: jitter)
    }

    /// A figure beside the one it is compared with.
    private struct Cut: CustomStringConvertible {
        var figure: Int
        var plain: Int
        var share: Double { 1 - Double(self.figure) / Double(self.plain) }
        var description: String {
            if self.figure == self.plain { return "\(self.figure)" }
            let percent = Int((abs(self.share) * 100).rounded())
            return "\(self.figure) (\(self.share > 0 ? "−" : "+")\(percent) %)"
        }
    }

    // MARK: Jitter

    private struct JitterRow {
        var initial: Duration
        var window: Duration
        var name: String
        /// The most that came within the window at any time, and of those that came once the other side was back.
        var first: Cut
        var back: Cut
    }

    private static let jitterRows = Result { try RetrySimulationTests.jitter() }

    private static func jitter() throws -> [JitterRow] {
        let downFor = Duration.seconds(5)
        let kinds: [(String, WaitShape, Jitter)] = [
            ("none", .exponential(factor: 2), .none), ("±25 %", .exponential(factor: 2), .quarter),
            ("full", .exponential(factor: 2), .full), ("decorrelated waits", .decorrelated, .none),
        ]
        let scales: [(Duration, Duration)] = [
            (.seconds(1), .milliseconds(100)), (.milliseconds(100), .milliseconds(10)),
            (.milliseconds(100), .milliseconds(100)),
        ]
        return try scales.flatMap { initial, window in
            try kinds.map { name, shape, jitter in
                let times = try RetrySimulation.retries(
                    callers: Self.callers, wait: try Self.wait(shape, initial, jitter), downFor: downFor)
                func cut(_ times: [Duration]) -> Cut {
                    Cut(figure: RetrySimulation.peak(times, within: window), plain: Self.callers)
                }
                return JitterRow(
                    initial: initial, window: window, name: name, first: cut(times),
                    back: cut(times.filter { $0 >= downFor }))
            }
        }
    }

    @Test func `S3: jitter cuts the peak of synchronised retries by 60 percent or more`() throws {
        let rows = try Self.jitterRows.get()
        let plain = rows.filter { $0.name == "none" }
        #expect(plain.allSatisfy { $0.first.figure == Self.callers && $0.back.figure == Self.callers })
        for row in rows where row.name != "none" {
            #expect(row.back.share >= 0.6, "\(row)")
            // A jitter of 25 ms cannot spread a first retry over 100 ms.
            if row.window < row.initial { #expect(row.first.share >= 0.6, "\(row)") }
        }
    }

    // MARK: Backoff

    private struct BackoffRow {
        var downFor: Duration
        var name: String
        var failed: Cut
        var late: Duration
    }

    private static let exponential = "100 ms, 200 ms, 400 ms, … 10 s"
    private static let backoffRows = Result { try RetrySimulationTests.backoff() }

    private static func backoff() throws -> [BackoffRow] {
        let shapes: [(String, WaitShape)] = [
            ("every 100 ms", .constant), ("100 ms, 200 ms, 300 ms, …", .linear),
            (Self.exponential, .exponential(factor: 2)),
        ]
        return try [1, 5, 20].flatMap { seconds in
            let results = try shapes.map { name, shape in
                (
                    name,
                    try RetrySimulation.patience(
                        callers: Self.callers, wait: try Self.wait(shape, .milliseconds(100), .quarter),
                        downFor: .seconds(seconds), deadline: .seconds(60))
                )
            }
            return results.map { name, result in
                BackoffRow(
                    downFor: .seconds(seconds), name: name,
                    failed: Cut(figure: result.failedRetries, plain: results[0].1.failedRetries), late: result.late)
            }
        }
    }

    @Test func `S3: exponential backoff cuts failed retries by 40 percent or more`() throws {
        for row in try Self.backoffRows.get() where row.name == Self.exponential {
            #expect(row.failed.share >= 0.4, "\(row)")
        }
    }

    // MARK: Budget

    @Test func `a retry budget caps the load of an outage at a tenth more, and costs nothing while all is well`() throws
    {
        let free = try RetrySimulation.outage(withBudget: false)
        let held = try RetrySimulation.outage(withBudget: true)
        #expect(free[1].factor == 4)
        #expect(held[1].factor < 1.11)
        #expect(held[0].succeeded == free[0].succeeded && held[2].succeeded == free[2].succeeded)
    }

    // MARK: In the documentation

    private static func tables() throws -> String {
        func seconds(_ duration: Duration) -> String { String(format: "%.2f s", duration.inSeconds) }
        var lines = [
            "| first wait | jitter | most retries within | at any time | once it is back |", "|---|---|---|---|---|",
        ]
        for row in try Self.jitterRows.get() {
            lines.append(
                "| \(row.initial.brief) | \(row.name) | \(row.window.brief) | \(row.first) | \(row.back) |")
        }
        lines += [
            "", "| down for | waits | retries that failed | through after it is back, mean |", "|---|---|---|---|",
        ]
        for row in try Self.backoffRows.get() {
            lines.append("| \(row.downFor.brief) | \(row.name) | \(row.failed) | \(seconds(row.late)) |")
        }
        lines += [
            "", "| a minute in which | tries per call, no budget | with a budget of a tenth | succeeded |",
            "|---|---|---|---|",
        ]
        let names = ["1 % fail", "all fail", "1 % fail again"]
        let (free, held) = (
            try RetrySimulation.outage(withBudget: false), try RetrySimulation.outage(withBudget: true)
        )
        for (name, (free, held)) in zip(names, zip(free, held)) {
            let succeeded =
                free.succeeded == held.succeeded ? "\(free.succeeded)" : "\(free.succeeded), \(held.succeeded)"
            lines.append(
                String(format: "| %@ | %.3f | %.3f | %@ of %d |", name, free.factor, held.factor, succeeded, free.calls)
            )
        }
        return lines.joined(separator: "\n")
    }

    @Test func `the figures in the documentation are those of the simulation`() throws {
        try ResiliencePage.section("figures", is: Self.tables())
    }
}
