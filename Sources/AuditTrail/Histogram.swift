/// How many durations fell where, in buckets that grow by 2 %: any percentile is known within 1 % of its value, and two
/// histograms add up.
///
/// A duration of x microseconds, x ≥ 1, lies in bucket 1 + ⌈log x / log γ⌉ with γ = 1.01 / 0.99; bucket 0 holds zero.
/// The middle of a bucket, 2γⁱ / (γ + 1), differs from everything in it by at most 1 % (Masson, Rim, Lee: "DDSketch",
/// VLDB 2019).
struct Histogram: Hashable {
    /// (bucket, count), ascending; no count is zero.
    private(set) var counts: [(bucket: UInt16, count: Int64)] = []

    private static let logGamma = naturalLogarithm(1.01 / 0.99)

    init() {}

    static func == (left: Self, right: Self) -> Bool {
        left.counts.elementsEqual(right.counts) { $0.bucket == $1.bucket && $0.count == $1.count }
    }

    func hash(into hasher: inout Hasher) {
        for entry in self.counts { hasher.combine(entry.bucket) }
    }

    /// Reads what `blob` wrote; a damaged one gives what can be read of it.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.counts.reserveCapacity(bytes.count / 6)
        Self.each(bytes) { self.counts.append(($0, $1)) }
    }

    /// Calls `body` for each entry of a stored histogram.
    static func each(_ bytes: UnsafeRawBufferPointer, _ body: (UInt16, Int64) -> Void) {
        var offset = 0
        while offset + 6 <= bytes.count {
            let bucket = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            let count = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 2, as: UInt32.self))
            body(min(bucket, Self.mostBucket), Int64(count))
            offset += 6
        }
    }

    var blob: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(self.counts.count * 6)
        for entry in self.counts {
            withUnsafeBytes(of: entry.bucket.littleEndian) { bytes += $0 }
            withUnsafeBytes(of: UInt32(clamping: entry.count).littleEndian) { bytes += $0 }
        }
        return bytes
    }

    /// The last bucket: 292,000 years.
    static let mostBucket = bucket(of: .max)

    static func bucket(of microseconds: Int64) -> UInt16 {
        guard microseconds > 0 else { return 0 }
        return UInt16(1 + (naturalLogarithm(Double(microseconds)) / Self.logGamma - 1e-9).rounded(.up))
    }

    /// What stands for a bucket, in microseconds.
    static func middle(_ bucket: UInt16) -> Double {
        guard bucket > 0 else { return 0 }
        let gamma = 1.01 / 0.99
        return 2 * exponential(Double(bucket - 1) * Self.logGamma) / (gamma + 1)
    }

    mutating func add(_ microseconds: Int64, times: Int64) {
        self.add(bucket: Self.bucket(of: microseconds), times: times)
    }

    mutating func add(bucket: UInt16, times: Int64) {
        var low = 0
        var high = self.counts.count
        while low < high {
            let middle = (low + high) / 2
            if self.counts[middle].bucket < bucket { low = middle + 1 } else { high = middle }
        }
        if low < self.counts.count, self.counts[low].bucket == bucket {
            self.counts[low].count += times
            if self.counts[low].count <= 0 { self.counts.remove(at: low) }
        } else if times > 0 {
            self.counts.insert((bucket, times), at: low)
        }
    }
}
