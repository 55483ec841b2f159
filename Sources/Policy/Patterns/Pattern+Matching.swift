extension Pattern {
    /// Whether some part of a text in UTF-8 matches; a byte that is not UTF-8 counts as one character that only `.` and
    /// inverted sets match.
    ///
    /// - Parameter isDue: asked every now and then; `true` ends the search.
    /// - Returns: `nil` where the search was ended before it was over.
    public func matches(_ bytes: UnsafeRawBufferPointer, isDue: () -> Bool = { false }) -> Bool? {
        var run = PatternRun(self.program.steps)
        return run.search(bytes, isDue: isDue)
    }

    /// The same for a text that is at hand as an array.
    public func matches(_ bytes: [UInt8], isDue: () -> Bool = { false }) -> Bool? {
        bytes.withUnsafeBytes { self.matches($0, isDue: isDue) }
    }
}

/// One search: the set of steps that the machine is in, character by character.
private struct PatternRun {
    private let steps: [PatternProgram.Step]
    /// The steps that wait for a character, now and after it.
    private var current: [Int] = []
    private var following: [Int] = []
    /// For each step, the position at which it was entered last.
    private var entered: [Int]
    private var pending: [Int] = []

    /// Between two looks at the time.
    private static let pieceLength = 256

    init(_ steps: [PatternProgram.Step]) {
        self.steps = steps
        self.entered = Array(repeating: -1, count: steps.count)
    }

    mutating func search(_ bytes: UnsafeRawBufferPointer, isDue: () -> Bool) -> Bool? {
        var before: UInt32?
        var offset = 0
        var position = 0
        var (after, length) = Self.scalar(in: bytes, at: 0)
        while true {
            // A match may begin at every character.
            if self.enter(0, at: position, before: before, after: after) { return true }
            guard let scalar = after else { return false }
            offset += length
            position += 1
            let (next, nextLength) = Self.scalar(in: bytes, at: offset)
            swap(&self.current, &self.following)
            self.following.removeAll(keepingCapacity: true)
            for step in self.current {
                guard case .one(let set) = self.steps[step], set.contains(scalar) else { continue }
                if self.enter(step + 1, at: position, before: scalar, after: next) { return true }
            }
            (before, after, length) = (scalar, next, nextLength)
            if position % Self.pieceLength == 0, isDue() { return nil }
        }
    }

    /// Goes to a step and on to all that follow from it without a character.
    ///
    /// - Returns: whether the end is among them.
    private mutating func enter(_ step: Int, at position: Int, before: UInt32?, after: UInt32?) -> Bool {
        self.pending.append(step)
        while let step = self.pending.popLast() {
            guard self.entered[step] != position else { continue }
            self.entered[step] = position
            switch self.steps[step] {
            case .one: self.following.append(step)
            case .assertion(let assertion):
                if assertion.holds(before: before, after: after) { self.pending.append(step + 1) }
            case .next(let next): self.pending.append(next)
            case .either(let one, let other):
                self.pending.append(one)
                self.pending.append(other)
            case .found: return true
            }
        }
        return false
    }

    /// Stands for bytes that are not UTF-8: beyond Unicode, so that no text of a pattern can mean it.
    private static let invalid: UInt32 = ScalarSet.last

    /// The character at an offset and how many bytes it takes; `nil` at the end.
    private static func scalar(in bytes: UnsafeRawBufferPointer, at offset: Int) -> (UInt32?, Int) {
        guard offset < bytes.count else { return (nil, 0) }
        let first = bytes[offset]
        if first < 0x80 { return (UInt32(first), 1) }
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
        guard first >= 0xC2, first <= 0xF4, offset + length <= bytes.count else { return (self.invalid, 1) }
        var value = UInt32(first) & (0x7F >> UInt32(length))
        for byte in bytes[(offset + 1)..<(offset + length)] {
            guard byte & 0xC0 == 0x80 else { return (self.invalid, 1) }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        let least: UInt32 = length == 4 ? 0x1_0000 : length == 3 ? 0x800 : 0x80
        guard value >= least, Unicode.Scalar(value) != nil else { return (self.invalid, 1) }
        return (value, length)
    }
}
