/// Takes an HTTP body apart that comes in chunks, as it comes.
///
/// - SeeAlso: RFC 9112, 7.1.
struct ChunkedBody {
    struct Malformed: Error {}

    private enum Expected {
        /// The line that says how long the next chunk is.
        case size
        case data(left: Int)
        /// The line break after a chunk.
        case lineBreak
        /// What follows the last chunk is of no use here.
        case nothing
    }

    private static let chunkMost = 1 << 30
    private static let lineMost = 1_024

    private var expected = Expected.size
    private var line: [UInt8] = []
    /// The last chunk has come.
    var isWhole: Bool { if case .nothing = self.expected { true } else { false } }

    /// - Returns: what of the body is in these bytes.
    mutating func take(_ bytes: [UInt8]) throws(Malformed) -> [UInt8] {
        var body: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.first {
            switch self.expected {
            case .nothing: return body
            case .data(let left):
                let part = rest.prefix(left)
                body += part
                rest = rest.dropFirst(part.count)
                self.expected = part.count == left ? .lineBreak : .data(left: left - part.count)
            case .size, .lineBreak:
                rest = rest.dropFirst()
                guard byte == UInt8(ascii: "\n") else {
                    self.line.append(byte)
                    guard self.line.count <= Self.lineMost else { throw Malformed() }
                    continue
                }
                try self.endLine()
            }
        }
        return body
    }

    private mutating func endLine() throws(Malformed) {
        guard self.line.popLast() == UInt8(ascii: "\r") else { throw Malformed() }
        defer { self.line = [] }
        if case .lineBreak = self.expected {
            guard self.line.isEmpty else { throw Malformed() }
            self.expected = .size
            return
        }
        let digits = String(decoding: self.line.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
        guard let size = Int(digits.filter { $0 != " " }, radix: 16), (0...Self.chunkMost).contains(size) else {
            throw Malformed()
        }
        self.expected = size == 0 ? .nothing : .data(left: size)
    }
}
