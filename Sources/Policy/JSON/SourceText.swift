/// A policy file's bytes, and what an offset into them means to a person.
struct SourceText: Sendable {
    /// As it is named in diagnostics.
    let name: String
    let bytes: [UInt8]
    /// Line and column at every `stride` bytes, so that no look-up scans more than that: a hostile file of one long
    /// line with very many mistakes must not take quadratic time.
    private var checkpoints: [Position] = []
    private static let stride = 512

    /// Counted from 1; a column is a Unicode scalar.
    struct Position: Hashable, Sendable {
        var line: Int
        var column: Int
    }

    init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }

    /// Where the byte at `offset` stands.
    mutating func position(of offset: Int) -> Position {
        if self.checkpoints.isEmpty { self.buildCheckpoints() }
        let target = min(max(offset, 0), self.bytes.count)
        let block = min(target / Self.stride, self.checkpoints.count - 1)
        var position = self.checkpoints[block]
        for index in (block * Self.stride)..<target { Self.advance(&position, over: self.bytes[index]) }
        return position
    }

    private mutating func buildCheckpoints() {
        var position = Position(line: 1, column: 1)
        self.checkpoints.reserveCapacity(self.bytes.count / Self.stride + 1)
        for (index, byte) in self.bytes.enumerated() {
            if index % Self.stride == 0 { self.checkpoints.append(position) }
            Self.advance(&position, over: byte)
        }
        if self.checkpoints.isEmpty { self.checkpoints.append(position) }
    }

    private static func advance(_ position: inout Position, over byte: UInt8) {
        if byte == UInt8(ascii: "\n") {
            position.line += 1
            position.column = 1
        } else if byte & 0xC0 != 0x80 {
            // A UTF-8 continuation byte belongs to the character before it.
            position.column += 1
        }
    }
}

/// One step into a JSON text.
enum PathSegment: Hashable, Sendable {
    case key(String)
    case index(Int)
}

/// The JSON path as diagnostics print it: `$.components.api.recovery[0]`, other keys as `$["a b"]`.
func pathText(_ segments: [PathSegment]) -> String {
    segments.reduce(into: "$") { text, segment in
        switch segment {
        case .index(let index): text += "[\(index)]"
        case .key(let key):
            let isPlain =
                !key.isEmpty && key.utf8.count <= 64
                && key.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
            text += isPlain || key == "$schema" ? ".\(key)" : "[\(quoted(key))]"
        }
    }
}

func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    default: isDigit(byte)
    }
}

func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

extension JSONNode {
    /// The path to the value or key at an offset. Members and elements lie in the order of the text, so that a binary
    /// search finds the way.
    func path(to offset: Int) -> [PathSegment] {
        var segments: [PathSegment] = []
        var node = self
        while node.offset != offset {
            switch node.value {
            case .object(let members):
                guard let index = members.lastIndex(startingAtOrBefore: offset, by: { $0.keyOffset }) else {
                    return segments
                }
                segments.append(.key(members[index].key))
                if offset < members[index].node.offset { return segments }
                node = members[index].node
            case .array(let elements):
                guard let index = elements.lastIndex(startingAtOrBefore: offset, by: { $0.offset }) else {
                    return segments
                }
                segments.append(.index(index))
                node = elements[index]
            case .null, .bool, .number, .string: return segments
            }
        }
        return segments
    }
}

extension Array {
    /// The last element whose start is not after `offset`; the elements are in order of their starts.
    fileprivate func lastIndex(startingAtOrBefore offset: Int, by start: (Element) -> Int) -> Int? {
        var low = 0
        var high = self.count
        while low < high {
            let middle = (low + high) / 2
            if start(self[middle]) <= offset { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : low - 1
    }
}
