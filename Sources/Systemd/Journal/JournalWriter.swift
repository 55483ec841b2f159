import CSystemd
import Glibc
import Supervisor

/// Writes structured entries to the journal.
public struct JournalWriter: JournalSink {
    /// Names of fields that entries say themselves.
    private static let reserved: Set<String> = ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"]
    private static let valueBytesMax = 64 * 1024

    private let identifier: String

    /// - Parameter identifier: `SYSLOG_IDENTIFIER`, by which `journalctl -t` finds the entries.
    public init(identifier: String = "heald") { self.identifier = identifier }

    /// Whether standard error is the journal, so that systemd started this process as a service.
    ///
    /// - SeeAlso: systemd.exec(5), `$JOURNAL_STREAM`.
    public static var isStandardErrorTheJournal: Bool {
        guard let text = getenv("JOURNAL_STREAM") else { return false }
        let numbers = String(cString: text).split(separator: ":").map { UInt64($0) }
        var status = stat()
        guard numbers.count == 2, fstat(STDERR_FILENO, &status) == 0 else { return false }
        return numbers[0] == UInt64(status.st_dev) && numbers[1] == UInt64(status.st_ino)
    }

    /// Field names are brought into the form that the journal takes (`component` becomes `COMPONENT`); a value may
    /// contain anything, line breaks as well, and is cut at 64 KiB. Without a journal nothing happens.
    ///
    /// - SeeAlso: sd_journal_sendv(3); systemd.journal-fields(7).
    public func write(_ message: String, priority: Int, fields: [String: String]) {
        var lines = [
            Array("MESSAGE=\(message)".utf8.prefix(Self.valueBytesMax)),
            Array("PRIORITY=\(min(max(priority, 0), 7))".utf8),
            Array("SYSLOG_IDENTIFIER=\(self.identifier)".utf8),
        ]
        for (name, value) in fields {
            guard let name = Self.fieldName(name), !Self.reserved.contains(name) else { continue }
            lines.append(Array("\(name)=".utf8) + value.utf8.prefix(Self.valueBytesMax))
        }
        let bytes = lines.flatMap { $0 }
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            var offset = 0
            let vectors = lines.map { line in
                defer { offset += line.count }
                return iovec(iov_base: UnsafeMutableRawPointer(mutating: base + offset), iov_len: line.count)
            }
            _ = sd_journal_sendv(vectors, Int32(vectors.count))
        }
    }

    /// Upper case letters, digits and underscores, a letter first, at most 64 bytes; `nil` where nothing is left.
    static func fieldName(_ name: String) -> String? {
        let upper = name.utf8.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 32
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
            default: UInt8(ascii: "_")
            }
        }
        let letters = UInt8(ascii: "A")...UInt8(ascii: "Z")
        let text = String(decoding: upper.drop { !letters.contains($0) }.prefix(64), as: UTF8.self)
        return text.isEmpty ? nil : text
    }
}
