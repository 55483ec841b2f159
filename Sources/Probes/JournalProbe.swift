import Glibc
import Policy
import ResilienceCore
import Synchronization

/// Counts what matches in the lines of a unit's present run.
///
/// Each line is searched once: between two runs of a check, the place in the journal and the times of what matched are
/// kept. A run that is out of time keeps what it has done, and the next one goes on from there.
final class JournalProbe: Sendable {
    private struct Progress {
        var check: JournalCheck
        var invocation: String
        /// The last line that has been searched.
        var cursor: String?
        /// When the newest lines that match were logged, no more than are too many.
        var matches: [MonotonicInstant] = []
        /// The newest of them.
        var evidence: [UInt8] = []
    }

    private let runs: String
    private let progresses = Mutex<[String: Progress]>([:])
    private static let progressesMax = 10_000
    /// Of each line, only so much is searched.
    private static let lineBytesMax = 8 * 1_024
    private static let evidenceBytesMax = 4 * 1_024

    /// - Parameter runs: where systemd says for journald which run of each unit is the present one.
    init(runs: String = "/run/systemd/units") { self.runs = runs }

    func look(_ check: JournalCheck, key: String, deadline: MonotonicInstant) -> Finding {
        guard let invocation = self.invocation(of: check.unit) else {
            return .unknown("\(check.unit) does not run, so that no lines count")
        }
        var progress =
            self.progresses.withLock { $0[key] } ?? Progress(check: check, invocation: invocation)
        if progress.check != check || progress.invocation != invocation {
            progress = Progress(check: check, invocation: invocation)
        }
        do {
            let isWhole = try Self.read(&progress, deadline: deadline)
            self.keep(progress, key: key)
            return Self.judge(progress, isWhole: isWhole)
        } catch {
            return .unknown(error.why, reason: .misconfigured)
        }
    }

    private func keep(_ progress: Progress, key: String) {
        self.progresses.withLock { progresses in
            // Checks of policies long gone.
            if progresses.count >= Self.progressesMax, progresses[key] == nil { progresses.removeAll() }
            progresses[key] = progress
        }
    }

    /// systemd's name for the present run; `nil` where there is none.
    private func invocation(of unit: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 64)
        let count = readlink("\(self.runs)/invocation:\(unit)", &bytes, bytes.count)
        let text = bytes.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
        guard text.count == 32, text.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: whether all lines that there are have been searched.
    private static func read(_ progress: inout Progress, deadline: MonotonicInstant) throws(JournalUnavailable) -> Bool
    {
        var lines = try JournalLines(invocation: progress.invocation)
        let since = ProbeClock.now() - progress.check.within
        progress.matches.removeAll { $0 < since }
        if let cursor = progress.cursor { try lines.seek(after: cursor) } else { try lines.seek(since: since) }
        while ProbeClock.now() < deadline {
            guard try lines.advance() else { return true }
            guard let loggedAt = lines.loggedAt else { continue }
            if loggedAt >= since {
                switch self.search(lines, for: progress.check.pattern, deadline: deadline) {
                case .timeIsUp: return false
                case .noMatch: break
                case .match(let evidence):
                    progress.evidence = evidence
                    progress.matches.append(loggedAt)
                    if progress.matches.count > progress.check.count { progress.matches.removeFirst() }
                }
            }
            progress.cursor = lines.cursor ?? progress.cursor
        }
        return false
    }

    private enum Search {
        case match(evidence: [UInt8])
        case noMatch, timeIsUp
    }

    private static func search(
        _ lines: borrowing JournalLines, for pattern: Pattern, deadline: MonotonicInstant
    ) -> Search {
        lines.withMessage { whole -> Search in
            let message = UnsafeRawBufferPointer(rebasing: whole.prefix(self.lineBytesMax))
            switch pattern.matches(message, isDue: { ProbeClock.now() > deadline }) {
            case nil: return .timeIsUp
            case false?: return .noMatch
            case true?: return .match(evidence: Array(message.prefix(self.evidenceBytesMax)))
            }
        } ?? .noMatch
    }

    private static func judge(_ progress: Progress, isWhole: Bool) -> Finding {
        let check = progress.check
        let what = "that \(check.count == 1 ? "matches" : "match") \(quotation(check.pattern.text.utf8))"
        guard progress.matches.count < check.count else {
            let amount = check.count == 1 ? "a line" : "at least \(check.count) lines"
            return .down(
                .logPattern, "\(check.unit) has logged \(amount) \(what) within \(check.within.policyText)",
                output: evidence(progress.evidence))
        }
        return isWhole
            ? .up
            : .unknown(
                "\(check.unit) has logged more than could be searched for lines \(what) before the timeout; the next "
                    + "run goes on from there", reason: .resource)
    }
}
