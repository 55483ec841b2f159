import Glibc
import Logging

/// swift-log's back end: the journal with fields where systemd runs this process, readable lines on standard error
/// elsewhere.
public struct JournalLogHandler: LogHandler {
    public var logLevel = Logger.Level.info
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    /// `nil`: standard error.
    private let journal: JournalWriter?
    private let writeLine: @Sendable (String) -> Void

    /// Looks at `$JOURNAL_STREAM` to find out where to write.
    public init(label: String) {
        self.init(
            label: label, journal: JournalWriter.isStandardErrorTheJournal ? JournalWriter() : nil,
            writeLine: Self.toStandardError)
    }

    init(label: String, journal: JournalWriter?, writeLine: @escaping @Sendable (String) -> Void) {
        self.label = label
        self.journal = journal
        self.writeLine = writeLine
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = self.metadata
        if let provided = self.metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        let pairs = all.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        // The message is constant; what it is about goes into the line as well, since that is what people read first.
        let text = Self.line("\(event.message)", pairs)
        if let journal = self.journal {
            var fields = Dictionary(pairs) { $1 }
            fields["HEALD_LOGGER"] = self.label
            journal.write(text, priority: Self.priority(of: event.level), fields: fields)
        } else {
            self.writeLine(
                "\(UTCText.dateAndTime(microseconds: UTCText.now())) \(event.level) \(self.label): \(text)\n")
        }
    }

    static func line(_ message: String, _ pairs: [(String, String)]) -> String {
        ([escaped(message)] + pairs.map { "\($0.0)=\(Self.quoted($0.1))" }).joined(separator: " ")
    }

    private static func quoted(_ value: String) -> String {
        let safe = escaped(value)
        return safe.contains(" ") || safe.contains("\"") || safe.isEmpty
            ? "\"\(safe.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\""))\"" : safe
    }

    /// syslog(3)'s levels.
    static func priority(of level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    private static let toStandardError: @Sendable (String) -> Void = { line in
        let bytes = Array(line.utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// Makes text safe for a terminal: control characters (C0 without tab, DEL, C1) and the marks that turn the direction of
/// writing become `\u{…}`.
func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar.value {
        case 0x0A: result += "\\n"
        case 0x09: result += "\t"
        case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF, 0x061C:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
