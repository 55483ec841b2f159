/// Takes a response's body apart as it comes, and keeps its first 64 KiB.
struct HTTPBody {
    enum Progress: Hashable, Sendable {
        case more
        /// The body is complete.
        case complete
        /// Enough has been read; the rest is not wanted.
        case full
        /// It is not what its head announced: `has a chunk whose size is not a number`.
        case malformed(String)
    }

    private enum Framing: Hashable {
        case untilClose
        case length(remaining: Int)
        case chunkSize
        case chunk(remaining: Int)
        case chunkEnd
    }

    static let keptMax = 65_536
    /// Framing costs bytes too: a body in one-byte chunks must not be read for ever.
    private static let rawMax = 1_048_576
    private static let sizeLineMax = 256

    private(set) var kept: [UInt8] = []
    /// More has come than is kept.
    private(set) var isCut = false
    private var framing: Framing
    private var sizeLine: [UInt8] = []
    private var raw = 0

    init(head: HTTPHead, isHead: Bool) {
        if isHead || head.status == 204 || head.status == 304 {
            self.framing = .length(remaining: 0)
        } else if head.isChunked {
            // Where both are given, the coding decides (RFC 9112, section 6.3).
            self.framing = .chunkSize
        } else if let length = head.contentLength {
            self.framing = .length(remaining: length)
        } else {
            self.framing = .untilClose
        }
    }

    /// Nothing more belongs to it.
    var isComplete: Bool { self.framing == .length(remaining: 0) }

    /// Whether the connection's end is the body's proper end; else what is missing.
    var missing: String? {
        switch self.framing {
        case .untilClose, .length(remaining: 0): nil
        case .length(let remaining): "\(remaining) bytes short of the announced length"
        case .chunkSize, .chunk, .chunkEnd: "without the last chunk"
        }
    }

    mutating func receive(_ bytes: UnsafeRawBufferPointer) -> Progress {
        self.raw += bytes.count
        var rest = bytes[...]
        while !rest.isEmpty {
            switch self.framing {
            case .length(remaining: 0): return .complete
            case .untilClose: rest = self.keep(rest, atMost: rest.count)
            case .length(let remaining):
                let before = rest.count
                rest = self.keep(rest, atMost: remaining)
                self.framing = .length(remaining: remaining - (before - rest.count))
            case .chunk(let remaining):
                let before = rest.count
                rest = self.keep(rest, atMost: remaining)
                let left = remaining - (before - rest.count)
                self.framing = left == 0 ? .chunkEnd : .chunk(remaining: left)
            case .chunkSize, .chunkEnd:
                if let wrong = self.takeLine(&rest) { return .malformed(wrong) }
            }
            if self.kept.count >= Self.keptMax { return .full }
        }
        if self.isComplete { return .complete }
        return self.raw >= Self.rawMax ? .malformed("is mostly chunk framing") : .more
    }

    /// - Returns: what was not taken.
    private mutating func keep(
        _ bytes: Slice<UnsafeRawBufferPointer>, atMost limit: Int
    ) -> Slice<UnsafeRawBufferPointer> {
        let part = bytes.prefix(limit)
        let room = Self.keptMax - self.kept.count
        self.kept.append(contentsOf: part.prefix(room))
        self.isCut = self.isCut || part.count > room
        return bytes.dropFirst(part.count)
    }

    /// A chunk's size, or the empty line after its data.
    private mutating func takeLine(_ rest: inout Slice<UnsafeRawBufferPointer>) -> String? {
        let end = rest.firstIndex(of: UInt8(ascii: "\n"))
        self.sizeLine.append(contentsOf: rest[..<(end ?? rest.endIndex)].prefix(Self.sizeLineMax + 1))
        guard self.sizeLine.count <= Self.sizeLineMax else { return "has a chunk size line of more than 256 bytes" }
        guard let end else {
            rest = rest[rest.endIndex...]
            return nil
        }
        rest = rest[(end + 1)...]
        if self.sizeLine.last == UInt8(ascii: "\r") { self.sizeLine.removeLast() }
        let line = self.sizeLine
        self.sizeLine.removeAll(keepingCapacity: true)
        if self.framing == .chunkEnd {
            self.framing = .chunkSize
            return line.isEmpty ? nil : "has a chunk longer than its size says"
        }
        let digits = line.prefix { $0 != UInt8(ascii: ";") }.trimmed
        guard !digits.isEmpty, digits.count <= 15, digits.allSatisfy({ $0.isDigit || 97...102 ~= $0 | 0x20 }),
            let size = Int(String(decoding: digits, as: UTF8.self), radix: 16)
        else { return "has a chunk whose size is not a number: \(quotation(line))" }
        // Trailers are nobody's business here.
        self.framing = size == 0 ? .length(remaining: 0) : .chunk(remaining: size)
        return nil
    }
}
