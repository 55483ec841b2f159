/// Some of Unicode's characters (scalar values).
struct ScalarSet: Hashable, Sendable {
    /// One bit for each character of ASCII.
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    /// The others, ascending and apart.
    private var ranges: [ClosedRange<UInt32>] = []

    static let last: UInt32 = 0x10_FFFF

    init(_ ranges: [ClosedRange<UInt32>] = []) {
        for range in ranges { self.insertASCII(range) }
        let others = ranges.filter { $0.upperBound >= 0x80 }
            .map { max($0.lowerBound, 0x80)...$0.upperBound }
            .sorted { $0.lowerBound < $1.lowerBound }
        for range in others {
            if let before = self.ranges.last, range.lowerBound <= before.upperBound + 1 {
                self.ranges[self.ranges.count - 1] =
                    before.lowerBound...max(before.upperBound, range.upperBound)
            } else {
                self.ranges.append(range)
            }
        }
    }

    init(_ scalars: String) { self.init(scalars.unicodeScalars.map { $0.value...$0.value }) }

    static let digit = ScalarSet([0x30...0x39])
    static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    static let space = ScalarSet([0x09...0x0D, 0x20...0x20])
    static let all = ScalarSet([0...Self.last])
    static let lineFeed = ScalarSet([0x0A...0x0A])

    private mutating func insertASCII(_ range: ClosedRange<UInt32>) {
        guard range.lowerBound < 0x80 else { return }
        for scalar in range.lowerBound...min(range.upperBound, 0x7F) {
            if scalar < 64 { self.low |= 1 << UInt64(scalar) } else { self.high |= 1 << UInt64(scalar - 64) }
        }
    }

    func contains(_ scalar: UInt32) -> Bool {
        if scalar < 64 { return self.low >> UInt64(scalar) & 1 == 1 }
        if scalar < 128 { return self.high >> UInt64(scalar - 64) & 1 == 1 }
        return self.ranges.contains { $0.contains(scalar) }
    }

    func union(_ other: ScalarSet) -> ScalarSet {
        var result = ScalarSet(self.ranges + other.ranges)
        result.low = self.low | other.low
        result.high = self.high | other.high
        return result
    }

    var inverted: ScalarSet {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0x80
        for range in self.ranges {
            if range.lowerBound > next { gaps.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= Self.last { gaps.append(next...Self.last) }
        var result = ScalarSet(gaps)
        result.low = ~self.low
        result.high = ~self.high
        return result
    }

    /// Its character, where it has only one.
    var only: UInt32? {
        if self.low.nonzeroBitCount + self.high.nonzeroBitCount == 1, self.ranges.isEmpty {
            return UInt32(self.low != 0 ? self.low.trailingZeroBitCount : 64 + self.high.trailingZeroBitCount)
        }
        guard self.low == 0, self.high == 0, self.ranges.count == 1, self.ranges[0].count == 1 else { return nil }
        return self.ranges[0].lowerBound
    }

    /// With the letters of ASCII in both cases.
    var ignoringCase: ScalarSet {
        let letters: UInt64 = 0x07FF_FFFE
        var result = self
        // "A" is 65 and "a" is 97: both lie in the upper half, 32 bits apart.
        result.high |= (self.high & letters) << 32 | (self.high >> 32 & letters)
        return result
    }
}
