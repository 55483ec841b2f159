public import ResilienceCore

/// What makes two errors the same error.
public struct ErrorFingerprint: Hashable, Sendable, CustomStringConvertible {
    /// What was called.
    public let operation: String
    /// What it was called of.
    public let component: String
    /// What kept the result away.
    public let code: CallError.Code
    /// The type of the innermost error.
    public let type: String
    /// What tells errors of one type apart: an HTTP status, an errno(3), a code of SQLite, or what the aggregator was
    /// told to take.
    public let detail: String

    /// For errors that do not come as a `CallError`.
    public init(operation: String, component: String, code: CallError.Code, type: String, detail: String) {
        self.operation = operation
        self.component = component
        self.code = code
        self.type = type
        self.detail = detail
    }

    /// All of it on one line.
    public var description: String {
        [self.component, self.operation, self.code.rawValue, self.type, self.detail].filter { !$0.isEmpty }
            .joined(separator: " · ")
    }

    /// A message with what changes from one error to the next taken out: numbers, hexadecimal words and what stands in
    /// quotation marks become `#`; cut to 120 characters.
    public static func shape(of message: String) -> String {
        var shape = ""
        var quote: Character?
        for word in message.prefix(2_000).split(separator: " ", omittingEmptySubsequences: true) {
            var kept = ""
            for character in word {
                if let open = quote {
                    if character == open { quote = nil }
                } else if character == "\"" || character == "'" {
                    quote = character
                    kept.append("#")
                } else {
                    kept.append(character)
                }
            }
            if quote != nil, kept.isEmpty { continue }
            if kept.contains(where: \.isNumber) { kept = Self.withoutNumbers(kept) }
            if !kept.isEmpty { shape += (shape.isEmpty ? "" : " ") + kept }
            if shape.count >= 120 { break }
        }
        return String(shape.prefix(120))
    }

    /// Each run of hexadecimal digits that holds a number becomes `#`.
    private static func withoutNumbers(_ word: String) -> String {
        var result = ""
        var run = ""
        func flushed() -> String { run.contains(where: \.isNumber) ? "#" : run }
        for character in word {
            if character.isHexDigit || character == "-" && !run.isEmpty {
                run.append(character)
            } else {
                result += flushed()
                run = ""
                result.append(character)
            }
        }
        return result + flushed()
    }
}

/// Where the count of an error is going.
public enum ErrorTrend: String, CaseIterable, Hashable, Sendable {
    /// First seen within the last window.
    case new
    /// At least twice as often as in the window before.
    case rising
    case steady
    /// At most half as often as in the window before.
    case falling
    /// Not seen within the last window.
    case gone
}

/// One error that keeps coming, or came.
public struct ErrorPattern: Hashable, Sendable {
    /// What makes it the same error.
    public let fingerprint: ErrorFingerprint
    /// Its reason, where a classifier has looked.
    public let reason: FailureReason?
    /// How often it was seen.
    public let count: Int
    /// How often within the last window.
    public let recent: Int
    /// When first, on the aggregator's clock.
    public let firstAt: MonotonicInstant
    /// When last, on the aggregator's clock.
    public let lastAt: MonotonicInstant
    /// Where its count is going.
    public let trend: ErrorTrend
    /// How often it came back after it had been away for a window, the first time included.
    public let episodes: Int
    /// The mean time from the beginning of one episode to the next; `nil` for fewer than three.
    public let recursEvery: Duration?
    /// The last call that it was seen in.
    public let example: CallContext

    /// Whether it comes back again and again: three episodes or more.
    public var isRecurring: Bool { self.episodes >= 3 }
}
