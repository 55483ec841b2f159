import Testing

@testable import ResilienceCore

/// The suspicion of a silence: what the paper promises of it, and bounds.
@Suite struct PhiAccrualTests {
    /// Intervals around a mean, nearly normally distributed: twelve uniform numbers, summed.
    private static func rhythm(mean: Double, deviation: Double, count: Int, seed: UInt64) -> [Duration] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            let sum = (0..<12).reduce(0.0) { total, _ in total + generator.unit() } - 6
            return .seconds(1).scaled(by: max(0.001, mean + deviation * sum))
        }
    }

    private static func detector(_ intervals: [Duration], expected: Duration = .seconds(1)) -> PhiAccrual {
        var detector = PhiAccrual(expected: expected)
        for interval in intervals { detector.learn(interval) }
        return detector
    }

    /// Quantiles of the standard normal distribution, from a table.
    @Test(arguments: [(1.0, 1.281_551_6), (2, 2.326_347_9), (3, 3.090_232_3), (8, 5.612_001_2), (12, 7.034_483_8)])
    func `the silence that reaches a suspicion is the quantile of the intervals`(phi: Double, deviations: Double) {
        // Two samples at 0.75 and 1.25 s: mean 1 s, standard deviation 0.25 s.
        let silence = PhiAccrual(expected: .seconds(1)).silence(reaching: phi).inSeconds
        #expect(abs(silence - (1 + deviations * 0.25)) < 1e-5)
    }

    @Test func `a suspicion of 1 is wrong once in ten silences, of 2 once in a hundred`() {
        let intervals = Self.rhythm(mean: 1, deviation: 0.2, count: 4_000, seed: 3)
        var detector = PhiAccrual(expected: .seconds(1))
        var wrong = [1.0: 0, 2: 0]
        var judged = 0
        for (index, interval) in intervals.enumerated() {
            if index >= PhiAccrual.samplesMost {
                judged += 1
                for phi in wrong.keys where interval >= detector.silence(reaching: phi) { wrong[phi, default: 0] += 1 }
            }
            detector.learn(interval)
        }
        let rates = wrong.mapValues { Double($0) / Double(judged) }
        #expect((0.08...0.13).contains(rates[1] ?? 0), "\(rates)")
        #expect((0.004...0.02).contains(rates[2] ?? 0), "\(rates)")
    }

    @Test(arguments: UInt64(1)...50)
    func `more silence is never less suspicious, and the two ways round agree`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let mean = 0.01 + generator.unit() * 60
        let detector = Self.detector(
            Self.rhythm(mean: mean, deviation: mean * generator.unit(), count: Int(generator.next() % 300), seed: seed),
            expected: .seconds(1).scaled(by: mean))
        var last = 0.0
        for step in 0..<200 {
            let phi = detector.phi(after: .seconds(1).scaled(by: mean * Double(step) / 20))
            #expect(phi >= last)
            last = phi
        }
        for phi in [0.5, 1, 3, 8, 16] {
            let silence = detector.silence(reaching: phi)
            #expect(silence > .zero)
            #expect(abs(detector.phi(after: silence) - phi) < 0.01, "\(phi)")
        }
    }

    @Test(arguments: UInt64(1)...20)
    func `only the newest intervals count, however many came`(seed: UInt64) {
        let old = Self.rhythm(mean: 40, deviation: 10, count: 1_000, seed: seed)
        let new = Self.rhythm(mean: 2, deviation: 0.5, count: PhiAccrual.samplesMost, seed: seed + 1)
        let both = Self.detector(old + new, expected: .seconds(9))
        let fresh = Self.detector(Array(old.prefix(PhiAccrual.samplesMost)) + new, expected: .seconds(1))
        #expect(abs(both.silence(reaching: 8).inSeconds - fresh.silence(reaching: 8).inSeconds) < 1e-6)
        #expect(both.silence(reaching: 8) < .seconds(10))
    }

    @Test(arguments: UInt64(1)...20)
    func `a slower clock is waited for as much longer, and an uneven one longer than an even one`(seed: UInt64) {
        let intervals = Self.rhythm(mean: 1, deviation: 0.2, count: 150, seed: seed)
        let once = Self.detector(intervals).silence(reaching: 8).inSeconds
        let slow = Self.detector(intervals.map { $0 * 7 }).silence(reaching: 8).inSeconds
        #expect(abs(slow - 7 * once) < 1e-3)
        let even = Self.detector(Array(repeating: .seconds(1), count: 150)).silence(reaching: 8).inSeconds
        #expect(even < once)
        // The deviation is never less than a tenth of the mean.
        #expect(abs(even - (1 + 5.612 * 0.1)) < 1e-3)
    }

    @Test func `what makes no sense is survived`() {
        var detector = PhiAccrual(expected: .zero)
        for _ in 0..<300 { detector.learn(.seconds(-5)) }
        #expect(detector.silence(reaching: 8) >= .zero)
        #expect(detector.phi(after: .seconds(1)) > 100)
        #expect(detector.phi(after: .seconds(-1)) == 0)
        detector = PhiAccrual(expected: .nanoseconds(Int64.max))
        detector.learn(.nanoseconds(Int64.max))
        #expect(detector.silence(reaching: 1_000) == .nanoseconds(Int64.max))
        #expect(detector.silence(reaching: -3) >= .zero)
    }
}
