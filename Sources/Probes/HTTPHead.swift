/// The head of a final response, as far as checks need it.
struct HTTPHead: Hashable, Sendable {
    var status = 0
    /// The status line, as evidence.
    var statusLine: [UInt8] = []
    var contentLength: Int?
    var isChunked = false
    /// A transfer coding besides `chunked`: the body cannot be read.
    var hasOtherCoding = false
    var retryAfter: [UInt8]?
    var location: [UInt8]?
}

/// Reads the head of a response from pieces of any size, strictly and within bounds (RFC 9112, sections 2 to 6).
///
/// Interim responses (1xx) are passed over. Bare LF ends a line too, as the RFC allows.
struct HTTPHeadParser {
    /// What is wrong with a head, as a message goes on after "the response": `is not HTTP: …`.
    struct Malformed: Error, Hashable, Sendable {
        var what: String
    }

    static let bytesMax = 16_384
    static let interimMax = 10

    private(set) var head = HTTPHead()
    private(set) var bytes = 0
    private var line: [UInt8] = []
    private var hasStatus = false
    private var interim = 0

    /// - Returns: how many of the bytes belong to the head, once it is complete; `nil` where more is needed.
    mutating func parse(_ input: UnsafeRawBufferPointer) throws(Malformed) -> Int? {
        var start = 0
        while start < input.count {
            let rest = UnsafeRawBufferPointer(rebasing: input[start...])
            guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
                self.bytes += rest.count
                try self.checkSize()
                self.line.append(contentsOf: rest)
                if !self.hasStatus { try Self.checkPrefix(self.line) }
                return nil
            }
            self.bytes += end + 1
            try self.checkSize()
            start += end + 1
            let isLast: Bool
            if self.line.isEmpty {
                isLast = try self.take(UnsafeRawBufferPointer(rebasing: rest[..<end]))
            } else {
                self.line.append(contentsOf: rest[..<end])
                let whole = self.line
                self.line.removeAll(keepingCapacity: true)
                isLast = try whole.withUnsafeBufferPointer { bytes throws(Malformed) in
                    try self.take(UnsafeRawBufferPointer(bytes))
                }
            }
            if isLast { return start }
        }
        return nil
    }

    /// - Returns: whether the head of the final response is complete.
    private mutating func take(_ raw: UnsafeRawBufferPointer) throws(Malformed) -> Bool {
        let line = raw.last == UInt8(ascii: "\r") ? UnsafeRawBufferPointer(rebasing: raw.dropLast()) : raw
        guard self.hasStatus else {
            try self.takeStatus(line)
            return false
        }
        guard line.isEmpty else {
            try self.takeField(line)
            return false
        }
        guard 100...199 ~= self.head.status, self.head.status != 101 else { return true }
        self.interim += 1
        guard self.interim <= Self.interimMax else {
            throw Malformed(what: "never came: more than \(Self.interimMax) interim (1xx) responses")
        }
        self.head = HTTPHead()
        self.hasStatus = false
        return false
    }

    private mutating func takeStatus(_ line: UnsafeRawBufferPointer) throws(Malformed) {
        try Self.checkPrefix(line)
        // "HTTP/1.1 200", then nothing or a space and a reason.
        guard line.count >= 12, line[5] == UInt8(ascii: "1"), line[6] == UInt8(ascii: "."), line[7].isDigit else {
            if line.count >= 6, line[5].isDigit, line[5] != UInt8(ascii: "1") {
                throw Malformed(what: "is in another version of HTTP: \(quotation(line))")
            }
            throw Malformed(what: "has a malformed status line: \(quotation(line))")
        }
        let digits = line[9...11]
        guard line[8] == UInt8(ascii: " "), digits.allSatisfy(\.isDigit), line.count == 12 || line[12] == 0x20 else {
            throw Malformed(what: "has a malformed status line: \(quotation(line))")
        }
        let status = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        guard 100...599 ~= status else { throw Malformed(what: "has the impossible status \(status)") }
        self.head.status = status
        self.head.statusLine = Array(line)
        self.hasStatus = true
    }

    private mutating func takeField(_ line: UnsafeRawBufferPointer) throws(Malformed) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0,
            line[..<colon].allSatisfy(\.isTokenCharacter)
        else { throw Malformed(what: "has a malformed header line: \(quotation(line))") }
        // Only names of these lengths matter; everything else is passed over without a look.
        switch colon {
        case 8 where line.hasName("location"): self.head.location = line.value(after: colon)
        case 11 where line.hasName("retry-after"): self.head.retryAfter = line.value(after: colon)
        case 14 where line.hasName("content-length"): try self.takeLength(line.value(after: colon))
        case 17 where line.hasName("transfer-encoding"): self.takeCoding(line.value(after: colon))
        default: break
        }
    }

    /// The same length may be said twice (RFC 9110, section 8.6); two lengths are a lie or an attack.
    private mutating func takeLength(_ value: [UInt8]) throws(Malformed) {
        for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let digits = part.trimmed
            guard !digits.isEmpty, digits.count <= 18, digits.allSatisfy(\.isDigit) else {
                throw Malformed(what: "has a Content-Length that is not a number: \(quotation(value))")
            }
            let length = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
            guard self.head.contentLength == nil || self.head.contentLength == length else {
                throw Malformed(what: "has two different Content-Lengths")
            }
            self.head.contentLength = length
        }
    }

    private mutating func takeCoding(_ value: [UInt8]) {
        let codings = value.split(separator: UInt8(ascii: ",")).map { part in
            String(decoding: part.trimmed, as: UTF8.self).lowercased()
        }
        for coding in codings where coding != "identity" {
            if coding == "chunked", !self.head.isChunked {
                self.head.isChunked = true
            } else {
                self.head.hasOtherCoding = true
            }
        }
    }

    private func checkSize() throws(Malformed) {
        guard self.bytes <= Self.bytesMax else {
            throw Malformed(what: "has a head of more than \(Self.bytesMax / 1_024) KiB")
        }
    }

    /// Refuses what does not speak HTTP at its first byte, instead of waiting for a line that may never end.
    private static func checkPrefix(_ line: some Collection<UInt8>) throws(Malformed) {
        guard zip(line, "HTTP/".utf8).allSatisfy({ $0 == $1 }) else {
            throw Malformed(what: "is not HTTP: it begins with \(quotation(line.prefix { $0 != 0x0D && $0 != 0x0A }))")
        }
    }
}

extension UnsafeRawBufferPointer {
    /// The line begins with this lower-case name, in any case.
    fileprivate func hasName(_ name: StaticString) -> Bool {
        let count = name.utf8CodeUnitCount
        guard self.count >= count else { return false }
        for index in 0..<count where self[index] | 0x20 != name.utf8Start[index] | 0x20 { return false }
        return true
    }

    fileprivate func value(after colon: Int) -> [UInt8] { Array(self[(colon + 1)...].trimmed) }
}

extension Collection<UInt8> {
    /// Without spaces and tabs at both ends.
    var trimmed: SubSequence.SubSequence {
        let start = self.drop { $0 == 0x20 || $0 == 0x09 }
        var count = start.count
        for (index, byte) in start.enumerated().reversed() {
            guard byte == 0x20 || byte == 0x09 else { break }
            count = index
        }
        return start.prefix(count)
    }
}
