import CSystemd
import Glibc
import ResilienceCore

/// Why the journal cannot be read: nothing is known of the component.
struct JournalUnavailable: Error, Hashable, Sendable {
    var why: String
}

/// What one run of a unit has logged, and what systemd has logged about that run, oldest first.
///
/// Its calls may block. To be used on the thread that made it.
///
/// - SeeAlso: sd-journal(3); systemd.journal-fields(7).
struct JournalLines: ~Copyable {
    private let journal: OpaquePointer
    /// Where reading goes on; that line itself has been read.
    private var passed: String?

    /// - Parameter invocation: systemd's name of the run, 32 hexadecimal digits.
    init(invocation: String) throws(JournalUnavailable) {
        guard Self.isVisible else {
            throw JournalUnavailable(why: "there is no journal of this machine that heald may read")
        }
        self.journal = try Self.open(flags: Int(SD_JOURNAL_LOCAL_ONLY))
        // Fields that begin with an underscore are journald's own word: no other program can put its lines here.
        sd_journal_add_match(self.journal, "_SYSTEMD_INVOCATION_ID=\(invocation)", 0)
        sd_journal_add_disjunction(self.journal)
        sd_journal_add_match(self.journal, "_PID=1", 0)
        sd_journal_add_match(self.journal, "INVOCATION_ID=\(invocation)", 0)
    }

    deinit { sd_journal_close(self.journal) }

    private static func open(flags: Int) throws(JournalUnavailable) -> OpaquePointer {
        var journal: OpaquePointer?
        let code = sd_journal_open(&journal, Int32(flags))
        guard code >= 0, let journal else { throw self.problem("opened", code) }
        return journal
    }

    /// A journal that may not be read looks like one without lines.
    private static var isVisible: Bool {
        guard let journal = try? self.open(flags: Int(SD_JOURNAL_LOCAL_ONLY) | Int(SD_JOURNAL_SYSTEM)) else {
            return false
        }
        defer { sd_journal_close(journal) }
        return sd_journal_has_runtime_files(journal) > 0 || sd_journal_has_persistent_files(journal) > 0
    }

    private static func problem(_ what: String, _ code: Int32) -> JournalUnavailable {
        JournalUnavailable(why: "the journal cannot be \(what): \(String(cString: strerror(-code)))")
    }

    /// Goes to the first line that was logged at a moment or later.
    mutating func seek(since moment: MonotonicInstant) throws(JournalUnavailable) {
        var boot = sd_id128_t()
        var code = sd_id128_get_boot(&boot)
        if code >= 0 {
            code = sd_journal_seek_monotonic_usec(self.journal, boot, UInt64(max(0, moment.nanoseconds)) / 1_000)
        }
        guard code >= 0 else { throw Self.problem("searched", code) }
        self.passed = nil
    }

    /// Goes to the first line after one that was read before; where that is gone, to the next that is there.
    mutating func seek(after cursor: String) throws(JournalUnavailable) {
        let code = sd_journal_seek_cursor(self.journal, cursor)
        guard code >= 0 else { throw Self.problem("searched", code) }
        self.passed = cursor
    }

    /// - Returns: `false` at the end.
    mutating func advance() throws(JournalUnavailable) -> Bool {
        var code = sd_journal_next(self.journal)
        if code > 0, let passed = self.passed, sd_journal_test_cursor(self.journal, passed) > 0 {
            code = sd_journal_next(self.journal)
        }
        self.passed = nil
        guard code >= 0 else { throw Self.problem("read", code) }
        return code > 0
    }

    /// Names the present line.
    var cursor: String? {
        var text: UnsafeMutablePointer<CChar>?
        guard sd_journal_get_cursor(self.journal, &text) >= 0, let text else { return nil }
        defer { free(text) }
        return String(cString: text)
    }

    /// When journald took the present line; `nil` where that was before this machine was started.
    var loggedAt: MonotonicInstant? {
        var microseconds: UInt64 = 0
        guard sd_journal_get_monotonic_usec(self.journal, &microseconds, nil) >= 0 else { return nil }
        return MonotonicInstant(nanoseconds: Int64(clamping: microseconds) &* 1_000)
    }

    /// The present line's text, as long as the line is the present one.
    borrowing func withMessage<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        var data: UnsafeRawPointer?
        var length = 0
        let name = "MESSAGE"
        guard sd_journal_get_data(self.journal, name, &data, &length) >= 0, let data else { return nil }
        let skipped = name.utf8.count + 1
        guard length >= skipped else { return nil }
        return body(UnsafeRawBufferPointer(start: data + skipped, count: length - skipped))
    }
}
