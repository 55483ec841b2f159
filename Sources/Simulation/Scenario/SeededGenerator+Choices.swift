import ResilienceCore

extension SeededGenerator {
    /// True with this probability (0...1).
    mutating func chance(_ probability: Double) -> Bool { self.unit() < probability }

    /// A whole number in the range, all equally likely.
    mutating func int(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(self.next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    /// A duration of whole milliseconds in the range.
    mutating func milliseconds(_ range: ClosedRange<Int>) -> Duration { .milliseconds(self.int(range)) }

    /// One of the choices; the array must not be empty.
    mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
        precondition(!choices.isEmpty, "nothing to pick from")
        return choices[self.int(0...choices.count - 1)]
    }

    /// 32 hexadecimal digits, as systemd writes an invocation ID.
    mutating func invocationID() -> String {
        var digits = ""
        for _ in 0..<2 {
            let part = String(self.next(), radix: 16)
            digits += String(repeating: "0", count: 16 - part.count) + part
        }
        return digits
    }
}
