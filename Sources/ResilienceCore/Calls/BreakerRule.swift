/// What opens a breaker of calls.
public enum BreakerRule: Hashable, Sendable, Codable {
    /// So many failures in a row.
    case consecutive(failures: Int)
    /// This share of the last `calls` calls, once at least `minimum` of them have ended.
    case countWindow(calls: Int, minimum: Int, failureShare: Double)
    /// This share of the calls that ended within `length`, counted in tenths of it, once there are at least `minimum`.
    case timeWindow(length: Duration, minimum: Int, failureShare: Double)
    /// So many failures at least this severe within a time.
    case severity(atLeast: Severity, failures: Int, within: Duration)

    /// Whether it knows how many calls there were, as a share of slow ones needs.
    var hasWindow: Bool {
        switch self {
        case .countWindow, .timeWindow: true
        case .consecutive, .severity: false
        }
    }

    func check() throws(SettingsError) {
        switch self {
        case .consecutive(let failures): try SettingsError.count(failures, "failures")
        case .countWindow(let calls, let minimum, let share):
            try SettingsError.count(calls, "calls")
            try SettingsError.count(minimum, "minimum")
            guard minimum <= calls else {
                throw SettingsError(
                    what: "minimum \(minimum) is more than calls \(calls).", why: "The window never holds so many.",
                    howToFix: "Set minimum to at most \(calls).")
            }
            try SettingsError.share(share, "failureShare")
        case .timeWindow(let length, let minimum, let share):
            try SettingsError.positive(length, "length")
            try SettingsError.count(minimum, "minimum")
            try SettingsError.share(share, "failureShare")
        case .severity(_, let failures, let within):
            try SettingsError.count(failures, "failures")
            try SettingsError.positive(within, "within")
        }
    }
}

/// When slowness opens a breaker. A call that takes longer than `longerThan` is slow, whether it fails or not.
public struct SlowCalls: Hashable, Sendable, Codable {
    /// A call that takes longer than this is slow.
    public let longerThan: Duration
    /// The share of slow calls in the rule's window that opens; above 0, at most 1.
    public let share: Double

    /// - Throws: `SettingsError` for a time that is not positive or a share outside 0 ... 1.
    public init(longerThan: Duration, share: Double) throws(SettingsError) {
        try SettingsError.positive(longerThan, "longerThan")
        try SettingsError.share(share, "share")
        self.longerThan = longerThan
        self.share = share
    }

    private enum CodingKeys: CodingKey { case longerThan, share }

    /// Checks what was stored as it checks what is written by hand.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            longerThan: values.decode(Duration.self, forKey: .longerThan),
            share: values.decode(Double.self, forKey: .share))
    }
}

/// What passes while a breaker tries whether the other side works again.
public enum HalfOpenPlan: Hashable, Sendable, Codable {
    /// So many trials, side by side; all must succeed. One failure opens it again.
    case trials(Int)
    /// The load comes back by steps: of each hundred calls this many pass, and `calls` of them must succeed for the next
    /// step. One failure opens it again.
    case ramp(percents: [Int], calls: Int)

    /// How many calls must succeed in each step.
    var callsPerStep: Int {
        switch self {
        case .trials(let trials): trials
        case .ramp(_, let calls): calls
        }
    }

    var steps: Int {
        switch self {
        case .trials: 1
        case .ramp(let percents, _): percents.count
        }
    }

    func percent(at step: Int) -> Int {
        switch self {
        case .trials: 100
        case .ramp(let percents, _): percents[step]
        }
    }

    func check() throws(SettingsError) {
        switch self {
        case .trials(let trials): try SettingsError.count(trials, "trials")
        case .ramp(let percents, let calls):
            try SettingsError.count(calls, "calls")
            guard (1...20).contains(percents.count), percents.allSatisfy({ (1...100).contains($0) }),
                zip(percents, percents.dropFirst()).allSatisfy({ $0 < $1 })
            else {
                throw SettingsError(
                    what: "percents is \(percents.prefix(21)).",
                    why: "A ramp goes up, by at most 20 steps of 1 ... 100 calls in a hundred.",
                    howToFix: "Set it to [10, 25, 50, 100], for example.")
            }
        }
    }
}
