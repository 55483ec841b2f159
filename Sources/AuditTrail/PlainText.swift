/// Makes text from outside safe to keep and to print: what a service says must not move a reader's cursor, turn a line
/// around, or fill the disk.
enum PlainText {
    static let messageCharacters = 500
    static let detailBytes = 1024
    static let evidenceBytes = 4096

    enum Bound {
        /// So many characters from the beginning.
        case characters(Int)
        /// So many bytes from the beginning.
        case firstBytes(Int)
        /// So many bytes from the end: of a log the newest lines matter.
        case lastBytes(Int)
    }

    /// - Parameter lines: keep line breaks and tabs; otherwise they are escaped like other control characters.
    static func clean(_ text: String, _ bound: Bound, lines: Bool = false) -> String {
        Self.cut(Self.escaped(text, lines: lines), bound)
    }

    private static func escaped(_ text: String, lines: Bool) -> String {
        // Nearly all text is printable ASCII.
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if lines && (scalar == "\n" || scalar == "\t") {
                result.unicodeScalars.append(scalar)
            } else if Self.isUnsafe(scalar) {
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        // Control characters; format characters, among them all that change the direction of text or hide; line and
        // paragraph separators; what has no agreed look.
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: true
        default: false
        }
    }

    private static func cut(_ text: String, _ bound: Bound) -> String {
        switch bound {
        case .characters(let most):
            // A character can be a base with any number of combining marks, so bytes are bounded as well.
            let byCharacters = text.utf8.count <= most || text.count <= most ? text : text.prefix(most - 1) + "…"
            return Self.cut(byCharacters, .firstBytes(most * 4))
        case .firstBytes(let most):
            guard text.utf8.count > most else { return text }
            var end = text.utf8.index(text.startIndex, offsetBy: most - 3)
            while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
            return text[..<end] + "…"
        case .lastBytes(let most):
            guard text.utf8.count > most else { return text }
            var start = text.utf8.index(text.endIndex, offsetBy: -(most - 3))
            while start.samePosition(in: text.unicodeScalars) == nil { start = text.utf8.index(after: start) }
            return "…" + text[start...]
        }
    }
}
