/// Makes text of unknown origin (what a service logged, a check printed, a server answered) safe to keep and show.
///
/// The result is valid UTF-8 that cannot move a terminal's cursor, forge a line, hide or reorder characters, and is of
/// bounded size. Markup is not touched: who writes HTML or JSON escapes for that format.
///
/// - SeeAlso: Unicode Technical Report 36, "Unicode Security Considerations"; ECMA-48 for control sequences.
public enum TextSanitizer {
    /// What becomes of line ends.
    public enum Newlines: Hashable, Sendable {
        /// Several lines stay several lines (`\r\n` becomes `\n`), and tabs stay.
        case keep
        /// One line: a line end is shown as `\n`, a tab becomes a space.
        case escape
    }

    /// Which part of a text that is too long stays.
    public enum Kept: Hashable, Sendable {
        case beginning
        /// The newest of a log.
        case end
    }

    /// - Parameters:
    ///   - bytes: any bytes; what is not UTF-8 becomes U+FFFD.
    ///   - limit: the longest result in bytes; a text that was cut has `…` at the cut, within the limit.
    /// - Returns: the text with colour sequences removed and every other control, format, bidirectional, zero-width or
    ///   unassigned character shown as `\u{…}`.
    public static func sanitize(
        _ bytes: some Collection<UInt8>, limit: Int = 4_096, newlines: Newlines = .keep, keeping: Kept = .beginning
    ) -> String {
        guard limit > 0 else { return "" }
        switch keeping {
        case .beginning:
            // Colour sequences vanish, so more may be read than is kept; but not without bound.
            let part = bytes.prefix(limit.multipliedSaturating(by: 4))
            return self.beginning(part, isWhole: part.count == bytes.count, limit: limit, newlines: newlines)
        case .end:
            return self.end(bytes, limit: limit, newlines: newlines)
        }
    }

    /// The same for a text that is a `String` already.
    public static func sanitize(
        _ text: String, limit: Int = 4_096, newlines: Newlines = .keep, keeping: Kept = .beginning
    ) -> String {
        self.sanitize(text.utf8, limit: limit, newlines: newlines, keeping: keeping)
    }

    private static let ellipsis = "…"

    private static func beginning(
        _ bytes: some Collection<UInt8>, isWhole: Bool, limit: Int, newlines: Newlines
    ) -> String {
        var cleaner = Cleaner(newlines: newlines)
        // Where the text is cut if it turns out too long: the last end of a piece that leaves room for the ellipsis.
        var cut = 0
        let room = max(0, limit - self.ellipsis.utf8.count)
        var isWhole = isWhole
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            cleaner.append(scalar)
            let count = cleaner.result.utf8.count
            if count <= room { cut = count }
            if count > limit {
                isWhole = false
                break
            }
        }
        cleaner.finish()
        if isWhole, cleaner.result.utf8.count <= limit { return cleaner.result }
        let kept = String(decoding: cleaner.result.utf8.prefix(cut), as: UTF8.self)
        return limit < self.ellipsis.utf8.count ? kept : kept + self.ellipsis
    }

    private static func end(_ bytes: some Collection<UInt8>, limit: Int, newlines: Newlines) -> String {
        let wanted = limit.multipliedSaturating(by: 4)
        let isPart = bytes.count > wanted
        // A part may begin inside a character: leave out what only continues one.
        let part = isPart ? bytes.suffix(wanted).drop(while: { $0 & 0xC0 == 0x80 }) : bytes[...]
        var cleaner = Cleaner(newlines: newlines)
        // Where pieces begin: a visible escape is kept whole or not at all.
        var starts: [Int] = []
        for scalar in String(decoding: part, as: UTF8.self).unicodeScalars {
            starts.append(cleaner.result.utf8.count)
            cleaner.append(scalar)
        }
        cleaner.finish()
        let count = cleaner.result.utf8.count
        if !isPart, count <= limit { return cleaner.result }
        let room = max(0, limit - self.ellipsis.utf8.count)
        let start = starts.first { count - $0 <= room } ?? count
        let kept = String(decoding: cleaner.result.utf8.dropFirst(start), as: UTF8.self)
        return limit < self.ellipsis.utf8.count ? kept : self.ellipsis + kept
    }
}

/// Takes scalars one by one and builds the clean text.
private struct Cleaner {
    private(set) var result = ""
    private let newlines: TextSanitizer.Newlines
    /// Scalars of a possible colour sequence (`ESC [ 1;31 m`), held back until it is clear what they are.
    private var pending: [Unicode.Scalar] = []
    private var pendingReturn = false
    /// Combining marks in a row: a few belong to scripts, many are a tower over the neighbouring lines.
    private var marks = 0

    private static let marksMax = 4
    private static let sequenceMax = 24

    init(newlines: TextSanitizer.Newlines) { self.newlines = newlines }

    mutating func append(_ scalar: Unicode.Scalar) {
        if !self.pending.isEmpty {
            if self.continueSequence(with: scalar) { return }
        }
        if self.pendingReturn {
            self.pendingReturn = false
            if scalar != "\n" { self.escape("\r") }
        }
        switch scalar {
        case "\u{1B}": self.pending.append(scalar)
        case "\r": self.pendingReturn = true
        case "\n":
            self.marks = 0
            self.result += self.newlines == .keep ? "\n" : "\\n"
        case "\t": self.result += self.newlines == .keep ? "\t" : " "
        case " "..."~": self.plain(scalar)
        default: self.appendOther(scalar)
        }
    }

    mutating func finish() {
        self.flushSequence()
        if self.pendingReturn {
            self.pendingReturn = false
            self.escape("\r")
        }
    }

    /// - Returns: whether the scalar was taken.
    private mutating func continueSequence(with scalar: Unicode.Scalar) -> Bool {
        switch (self.pending.count, scalar) {
        case (1, "["):
            self.pending.append(scalar)
            return true
        case (2..., "0"..."9"), (2..., ";"), (2..., ":"):
            guard self.pending.count < Self.sequenceMax else { break }
            self.pending.append(scalar)
            return true
        case (2..., "m"):
            self.pending.removeAll(keepingCapacity: true)
            return true
        default: break
        }
        self.flushSequence()
        return false
    }

    private mutating func flushSequence() {
        for scalar in self.pending {
            if scalar == "\u{1B}" { self.escape(scalar) } else { self.plain(scalar) }
        }
        self.pending.removeAll(keepingCapacity: true)
    }

    private mutating func plain(_ scalar: Unicode.Scalar) {
        self.marks = 0
        self.result.unicodeScalars.append(scalar)
    }

    private mutating func appendOther(_ scalar: Unicode.Scalar) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
            self.escape(scalar)
        case .nonspacingMark, .enclosingMark:
            self.marks += 1
            if self.marks > Self.marksMax || scalar.properties.isDefaultIgnorableCodePoint && scalar != "\u{FE0F}" {
                self.escape(scalar)
            } else {
                self.result.unicodeScalars.append(scalar)
            }
        default:
            // Hangul fillers and the like are letters by category and invisible on the screen.
            if scalar.properties.isDefaultIgnorableCodePoint {
                self.escape(scalar)
            } else if scalar.properties.generalCategory == .spaceSeparator {
                self.plain(" ")
            } else {
                self.plain(scalar)
            }
        }
    }

    private mutating func escape(_ scalar: Unicode.Scalar) {
        self.result += "\\u{" + String(scalar.value, radix: 16) + "}"
    }
}

extension Int {
    fileprivate func multipliedSaturating(by factor: Int) -> Int {
        let (product, overflow) = self.multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
