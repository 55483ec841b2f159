import Glibc

/// How suspicious a silence is, by the rhythm that was heard before it: the φ-accrual failure detector.
///
/// φ is −log₁₀ of the probability that a program which goes on as before stays silent for so long. Calling it dead at
/// φ = 1 is wrong once in ten silences, at φ = 8 once in a hundred million. The intervals are taken to be normally
/// distributed around their mean, over a window of the newest ones.
///
/// - SeeAlso: Hayashibara, Défago, Yared, Katayama: The φ Accrual Failure Detector. SRDS 2004.
public struct PhiAccrual: Hashable, Sendable {
    /// The window. Older intervals give way to newer ones.
    public static let samplesMost = 100
    /// A rhythm that has been very even so far is not trusted to stay so: the deviation is at least this share of the
    /// mean.
    static let deviationLeast = 0.1

    /// Seconds; a ring once it is full.
    private var samples: [Double]
    private var oldest = 0
    private var mean = 0.0
    private var deviation = 0.0

    /// - Parameter expected: the interval to begin with, before any was heard. Two samples a quarter to both sides stand
    ///   for it until newer ones take their place.
    public init(expected: Duration) {
        let seconds = max(expected.inSeconds, 1e-9)
        self.samples = [seconds * 0.75, seconds * 1.25]
        self.sum()
    }

    /// Takes in the interval between two signs of life.
    public mutating func learn(_ interval: Duration) {
        let seconds = max(interval.inSeconds, 0)
        if self.samples.count < Self.samplesMost {
            self.samples.append(seconds)
        } else {
            self.samples[self.oldest] = seconds
            self.oldest = (self.oldest + 1) % Self.samplesMost
        }
        self.sum()
    }

    /// The suspicion after so long a silence: 0 at none, never less for more; infinite where the arithmetic ends.
    public func phi(after silence: Duration) -> Double {
        guard self.deviation > 0 else { return silence > .zero ? .infinity : 0 }
        return Self.phi(ofDeviations: (silence.inSeconds - self.mean) / self.deviation)
    }

    /// How long a silence reaches this suspicion.
    public func silence(reaching phi: Double) -> Duration {
        let seconds = self.mean + Self.deviations(reaching: phi) * self.deviation
        return .seconds(1).scaled(by: max(0, seconds))
    }

    /// Anew at each sample, so that no error adds up; the window is short.
    private mutating func sum() {
        let count = Double(self.samples.count)
        self.mean = self.samples.reduce(0, +) / count
        let variance = self.samples.reduce(0) { $0 + ($1 - self.mean) * ($1 - self.mean) } / count
        self.deviation = max(variance.squareRoot(), self.mean * Self.deviationLeast)
    }

    // MARK: - The normal distribution

    /// −log₁₀ of the probability to lie more than so many standard deviations above the mean.
    private static func phi(ofDeviations deviations: Double) -> Double {
        max(0, -log10(erfc(deviations / 2.0.squareRoot()) / 2))
    }

    /// The inverse, by halving: φ grows with the deviations. Below 0 or above 300 it means those.
    private static func deviations(reaching phi: Double) -> Double {
        let wanted = min(max(phi, 0), 300)
        var (low, high) = (-9.0, 38.0)
        for _ in 0..<64 {
            let middle = (low + high) / 2
            if Self.phi(ofDeviations: middle) < wanted { low = middle } else { high = middle }
        }
        return high
    }
}
