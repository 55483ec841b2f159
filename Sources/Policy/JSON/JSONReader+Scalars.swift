extension JSONReader {
    // MARK: Numbers

    /// - Returns: the number as it is written; RFC 8259, section 6.
    mutating func number() throws(JSONProblem) -> String {
        let start = self.position
        if self.peek == UInt8(ascii: "-") { self.position += 1 }
        let leading = self.peek
        let digits = try self.digits(after: "a number's sign")
        if leading == UInt8(ascii: "0"), digits > 1 {
            throw self.syntax("a JSON number has no leading zeros", at: start)
        }
        if self.peek == UInt8(ascii: ".") {
            self.position += 1
            _ = try self.digits(after: "the decimal point")
        }
        if self.peek == UInt8(ascii: "e") || self.peek == UInt8(ascii: "E") {
            self.position += 1
            if self.peek == UInt8(ascii: "+") || self.peek == UInt8(ascii: "-") { self.position += 1 }
            _ = try self.digits(after: "the exponent's \"e\"")
        }
        let text = String(decoding: self.bytes[start..<self.position], as: UTF8.self)
        if let next = self.peek, isLetterOrDigit(next) || next == UInt8(ascii: ".") || next == UInt8(ascii: "_") {
            throw self.syntax("\(self.found) in a number; a value with a unit is a text: \"10s\"")
        }
        return text
    }

    private mutating func digits(after what: String) throws(JSONProblem) -> Int {
        let start = self.position
        while let byte = self.peek, isDigit(byte) { self.position += 1 }
        guard self.position > start else { throw self.syntax("got \(self.found); expected a digit after \(what)") }
        return self.position - start
    }

    // MARK: Texts

    /// Reads a text from its opening quote to behind its closing one; RFC 8259, section 7.
    mutating func text() throws(JSONProblem) -> String {
        let opening = self.position
        self.position += 1
        var start = self.position
        var text = ""
        while let byte = self.peek {
            switch byte {
            case UInt8(ascii: "\""):
                let rest = self.bytes[start..<self.position]
                self.position += 1
                if text.isEmpty { return String(decoding: rest, as: UTF8.self) }
                return text + String(decoding: rest, as: UTF8.self)
            case UInt8(ascii: "\\"):
                text += String(decoding: self.bytes[start..<self.position], as: UTF8.self)
                text.unicodeScalars.append(try self.escape())
                start = self.position
            case 0x0A, 0x0D:
                throw self.syntax("a text is not closed on its line; write a line break as \\n")
            case 0x00..<0x20:
                throw self.syntax("\(self.found) in a text; write it as \\u00\(self.hexadecimal(byte))")
            default: self.position += 1
            }
        }
        throw self.syntax("the text that begins here is not closed", at: opening)
    }

    private mutating func escape() throws(JSONProblem) -> Unicode.Scalar {
        let start = self.position
        self.position += 1
        guard let byte = self.peek else { throw self.syntax("the text ends in an escape", at: start) }
        self.position += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try self.unicodeEscape(start: start)
        default:
            self.position -= 1
            throw self.syntax(
                "a backslash before \(self.found) is not a JSON escape; write \\\\ for a backslash", at: start)
        }
    }

    private mutating func unicodeEscape(start: Int) throws(JSONProblem) -> Unicode.Scalar {
        let first = try self.fourHexadecimalDigits(start: start)
        if let scalar = Unicode.Scalar(first) { return scalar }
        // A surrogate: the first of a pair, or alone and no character at all.
        let isPairStart =
            first < 0xDC00 && self.position + 1 < self.bytes.count && self.bytes[self.position] == UInt8(ascii: "\\")
            && self.bytes[self.position + 1] == UInt8(ascii: "u")
        if isPairStart {
            let secondStart = self.position
            self.position += 2
            let second = try self.fourHexadecimalDigits(start: secondStart)
            if (0xDC00...0xDFFF).contains(second),
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            {
                return scalar
            }
            self.position = secondStart
        }
        self.problems.append(
            JSONProblem(
                offset: start, isSyntax: false,
                message: "\\u\(String(first, radix: 16, uppercase: true)) is half of a surrogate pair, not a character",
                path: self.path))
        return "\u{FFFD}"
    }

    private mutating func fourHexadecimalDigits(start: Int) throws(JSONProblem) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = self.peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw self.syntax("\\u needs four hexadecimal digits", at: start)
            }
            value = value << 4 + UInt32(digit)
            self.position += 1
        }
        return value
    }
}
