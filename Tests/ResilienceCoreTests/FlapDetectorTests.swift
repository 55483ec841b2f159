import ResilienceCore
import Testing

@Suite struct FlapDetectorTests {
    static let rule = FlapRule(high: 0.2, low: 0.05, results: 21, interval: .seconds(10))

    static func at(_ seconds: Double) -> MonotonicInstant { MonotonicInstant(nanoseconds: Int64(seconds * 1e9)) }

    static func detector(_ changes: [Double]) -> FlapDetector {
        var detector = FlapDetector()
        for change in changes { detector.change(at: self.at(change), self.rule) }
        return detector
    }

    @Test func `changes alone are all there is to see`() {
        let detector = Self.detector((0..<40).map { Double($0) })
        #expect(abs(detector.share(at: Self.at(39), Self.rule) - 1) < 1e-9)
        #expect(detector.changes.count == 21)
    }

    @Test func `the newest change weighs 1.2 of twenty, the oldest 0.8, and then nothing`() {
        let one = Self.detector([0])
        #expect(abs(one.share(at: Self.at(0), Self.rule) - 1.2 / 20) < 1e-9)
        #expect(abs(one.share(at: Self.at(9.9), Self.rule) - 1.2 / 20) < 1e-9)
        #expect(abs(one.share(at: Self.at(190), Self.rule) - 0.8 / 20) < 1e-9)
        #expect(one.share(at: Self.at(200), Self.rule) == 0)
    }

    @Test func `it flaps above the high threshold, until it is at the low one`() {
        var detector = Self.detector([0, 1, 30])
        detector.review(at: Self.at(30), Self.rule)
        #expect(!detector.isFlapping)
        detector.change(at: Self.at(31), Self.rule)
        detector.change(at: Self.at(60), Self.rule)
        detector.review(at: Self.at(60), Self.rule)
        #expect(detector.isFlapping)
        let quiet = detector.quietAt(Self.at(60), Self.rule)
        detector.review(at: quiet - .nanoseconds(1), Self.rule)
        #expect(detector.isFlapping)
        detector.review(at: quiet, Self.rule)
        #expect(!detector.isFlapping)
    }

    @Test(arguments: [3, 5, 21, 100])
    func `whatever happened, quiet comes in bounded time and ends it`(results: Int) {
        var random = SeededGenerator(seed: UInt64(results))
        for _ in 0..<200 {
            let rule = FlapRule(high: 0.2, low: 0, results: results, interval: .seconds(10))
            var detector = FlapDetector()
            var now = 0.0
            for _ in 0..<50 {
                now += Double(random.next() % 30)
                detector.change(at: Self.at(now), rule)
                detector.review(at: Self.at(now), rule)
            }
            let quiet = detector.quietAt(Self.at(now), rule)
            #expect(quiet <= Self.at(now) + .seconds(10 * results))
            detector.review(at: quiet, rule)
            #expect(!detector.isFlapping)
        }
    }

    @Test func `above one hundred per cent there is nothing`() {
        var detector = Self.detector((0..<40).map { Double($0) })
        detector.review(at: Self.at(39), FlapRule(high: 1, low: 0.05, results: 21, interval: .seconds(10)))
        #expect(!detector.isFlapping)
    }
}
