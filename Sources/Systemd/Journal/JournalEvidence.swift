import CSystemd
import Dispatch
import Resilience
import Supervisor

/// The last lines that a dead invocation logged, read from the system's journal.
///
/// Reading happens on a queue of its own, one request at a time; a request that has to wait too long, or takes too long,
/// comes back empty: evidence is worth having, not worth waiting for.
public final class JournalEvidence: EvidenceSource {
    private static let bytesMax = 4 * 1024
    private static let linesMax = 200
    private static let waitingMax = 16

    private let queue = DispatchQueue(label: "heald.journal")
    private let protection: Pipeline<ContinuousClock>
    private let limit: Duration

    /// - Parameters:
    ///   - limit: longest time until an answer.
    ///   - metrics: counts the readings, as `journal`.
    /// - Throws: `SettingsError` for a limit that is not positive.
    public init(limit: Duration = .seconds(2), metrics: CallMetrics? = nil) throws {
        self.limit = limit
        self.protection = try PipelineBuilder("journal", clock: ContinuousClock(), metrics: metrics)
            .bulkhead(concurrency: Self.waitingMax).timeout(limit, abandonedMax: Self.waitingMax).build()
    }

    public func lastJournalLines(unit: String, invocationID: String?) async -> String? {
        guard UnitName.isValid(unit), invocationID.map(Self.isInvocation) ?? true else { return nil }
        return try? await self.protection.call("last-lines") { [queue, limit] _ in
            let deadline = BusThread.now() + limit.inNanosecondsClamped
            // Reading blocks, and ends soon after the deadline by itself: it is given up then, not cancelled.
            return await withCheckedContinuation { continuation in
                queue.async {
                    let isLate = BusThread.now() >= deadline
                    continuation.resume(
                        returning: isLate
                            ? nil : Self.read(unit: unit, invocationID: invocationID, deadline: deadline))
                }
            }
        }
    }

    /// Newest first until the room is used up, then turned round.
    private static func read(unit: String, invocationID: String?, deadline: Int64) -> String? {
        var journal: OpaquePointer?
        guard sd_journal_open(&journal, Int32(SD_JOURNAL_LOCAL_ONLY)) >= 0, let journal else { return nil }
        defer { sd_journal_close(journal) }
        Self.match(journal, unit: unit, invocationID: invocationID)
        guard sd_journal_seek_tail(journal) >= 0 else { return nil }
        var lines: [String] = []
        var room = Self.bytesMax
        while lines.count < Self.linesMax, BusThread.now() < deadline, sd_journal_previous(journal) > 0 {
            guard let message = Self.field("MESSAGE", of: journal) else { continue }
            let source = Self.field("SYSLOG_IDENTIFIER", of: journal) ?? Self.field("_COMM", of: journal) ?? "?"
            var line = "\(Self.clock(of: journal)) \(escaped(source)): \(escaped(message))"
            if line.utf8.count + 1 > room {
                guard lines.isEmpty else { break }
                line = Self.cut(line, to: room - 1)
            }
            room -= line.utf8.count + 1
            lines.append(line)
        }
        return lines.isEmpty ? nil : lines.reversed().joined(separator: "\n")
    }

    /// What the unit's processes wrote, or what systemd itself said of that invocation.
    private static func match(_ journal: OpaquePointer, unit: String, invocationID: String?) {
        func add(_ match: String) { sd_journal_add_match(journal, match, 0) }
        if let invocationID {
            add("_SYSTEMD_INVOCATION_ID=\(invocationID)")
            sd_journal_add_disjunction(journal)
            add("_PID=1")
            add("INVOCATION_ID=\(invocationID)")
            sd_journal_add_disjunction(journal)
            // A user's service manager; the first field is journald's own word, as `_PID` is above.
            add("_SYSTEMD_USER_UNIT=init.scope")
            add("USER_INVOCATION_ID=\(invocationID)")
        } else {
            add("_SYSTEMD_UNIT=\(unit)")
            sd_journal_add_disjunction(journal)
            add("_PID=1")
            add("UNIT=\(unit)")
        }
    }

    private static func field(_ name: String, of journal: OpaquePointer) -> String? {
        var data: UnsafeRawPointer?
        var length = 0
        guard sd_journal_get_data(journal, name, &data, &length) >= 0, let data else { return nil }
        let skipped = name.utf8.count + 1
        guard length >= skipped else { return nil }
        // Far more than is kept, so that a huge message costs little.
        let bytes = UnsafeRawBufferPointer(start: data + skipped, count: min(length - skipped, 4 * Self.bytesMax))
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func clock(of journal: OpaquePointer) -> String {
        var microseconds: UInt64 = 0
        guard sd_journal_get_realtime_usec(journal, &microseconds) >= 0 else { return "" }
        return UTCText.time(microseconds: microseconds)
    }

    /// The beginning of `text`, at most `bytes` long, without half a character.
    private static func cut(_ text: String, to bytes: Int) -> String {
        var result = ""
        var room = bytes - 3
        for character in text.unicodeScalars {
            room -= Unicode.UTF8.width(character)
            guard room >= 0 else { return result + "…" }
            result.unicodeScalars.append(character)
        }
        return result
    }

    private static func isInvocation(_ text: String) -> Bool {
        text.utf8.count == 32
            && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}
