import ResilienceCore

extension Duration {
    /// Reads a duration as policies and commands write it: `250ms`, `2s`, `1m30s`, `1h`, `7d`.
    ///
    /// Units go from the greatest to the smallest, each at most once, with whole numbers of at most nine digits.
    ///
    /// - Returns: `nil` where the text is something else.
    public init?(policyText text: String) {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty, bytes.count <= 64 else { return nil }
        var total: Int64 = 0
        var index = 0
        var smallest = Int64.max
        while index < bytes.count {
            let start = index
            var number: Int64 = 0
            while index < bytes.count, isDigit(bytes[index]) {
                number = number * 10 + Int64(bytes[index] - UInt8(ascii: "0"))
                index += 1
                guard index - start <= 9 else { return nil }
            }
            guard index > start else { return nil }
            let unitStart = index
            while index < bytes.count, !isDigit(bytes[index]) { index += 1 }
            let unit = String(decoding: bytes[unitStart..<index], as: UTF8.self)
            guard let scale = durationUnits.first(where: { $0.name == unit })?.milliseconds, scale < smallest else {
                return nil
            }
            smallest = scale
            // Nine digits of days are 8.64e16 ms: far from overflow.
            total += number * scale
        }
        self = .milliseconds(total)
    }

    /// The duration as policies write it, rounded to milliseconds: `1m30s`, `250ms`, `0s`. A shorter one that is not
    /// zero is told in microseconds (`180us`), which policies do not take.
    public var policyText: String {
        let nanoseconds = self.inNanoseconds
        guard nanoseconds >= 0 else {
            return "-" + Duration.nanoseconds(nanoseconds == .min ? .max : -nanoseconds).policyText
        }
        if nanoseconds > 0, nanoseconds < 1_000_000 { return "\(max(1, nanoseconds / 1_000))us" }
        var rest = nanoseconds / 1_000_000
        if nanoseconds % 1_000_000 >= 500_000 { rest += 1 }
        guard rest > 0 else { return "0s" }
        var text = ""
        for unit in durationUnits {
            let count = rest / unit.milliseconds
            if count > 0 { text += "\(count)\(unit.name)" }
            rest %= unit.milliseconds
        }
        return text
    }
}

private let durationUnits: [(name: String, milliseconds: Int64)] = [
    ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
]

/// The form that `Duration(policyText:)` takes, for the JSON schema.
let durationPattern = "^(?=[0-9])([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$"
