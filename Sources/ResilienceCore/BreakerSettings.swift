/// What opens a breaker of calls.
public enum BreakerRule: Hashable, Sendable, Codable {
    /// So many failures in a row.
    case consecutive(failures: Int)
    /// This share of the last `calls` calls, once at least `minimum` of them have ended.
    case countWindow(calls: Int, minimum: Int, failureShare: Double)
    /// So many failures at least this severe within a time.
    case severity(atLeast: Severity, failures: Int, within: Duration)

    /// The largest window that is remembered; bounds the memory of a breaker.
    public static let callsMax = 100_000

    func check() throws(SettingsError) {
        switch self {
        case .consecutive(let failures): try Self.count(failures, "failures")
        case .countWindow(let calls, let minimum, let share):
            try Self.count(calls, "calls")
            try Self.count(minimum, "minimum")
            guard minimum <= calls else {
                throw SettingsError(
                    what: "minimum \(minimum) is more than calls \(calls).", why: "The window never holds so many.",
                    howToFix: "Set minimum to at most \(calls).")
            }
            guard share > 0, share <= 1 else {
                throw SettingsError(
                    what: "failureShare is \(share).", why: "A share lies above 0 and is at most 1.",
                    howToFix: "Set it to 0.5 to open at half of the calls failed.")
            }
        case .severity(_, let failures, let within):
            try Self.count(failures, "failures")
            try Self.positive(within, "within")
        }
    }

    static func count(_ value: Int, _ name: String) throws(SettingsError) {
        guard (1...Self.callsMax).contains(value) else {
            throw SettingsError(
                what: "\(name) is \(value).", why: "It counts calls, and each counted call takes memory.",
                howToFix: "Set it to 1 ... \(Self.callsMax).")
        }
    }

    static func positive(_ value: Duration, _ name: String) throws(SettingsError) {
        guard value > .zero else {
            throw SettingsError(
                what: "\(name) is \(value).", why: "No time passes within it.",
                howToFix: "Set it to more than zero, for example .seconds(60).")
        }
    }
}

/// When a breaker of calls opens, for how long, and what closes it again.
public struct BreakerSettings: Hashable, Sendable, Codable {
    public let rule: BreakerRule
    /// How long it stays open before trials.
    public let openFor: Duration
    /// How many trials run at once in half-open, and how many must succeed to close it.
    public let trials: Int

    public init(rule: BreakerRule, openFor: Duration, trials: Int = 1) throws(SettingsError) {
        try rule.check()
        try BreakerRule.positive(openFor, "openFor")
        try BreakerRule.count(trials, "trials")
        self.rule = rule
        self.openFor = openFor
        self.trials = trials
    }

    private enum CodingKeys: CodingKey { case rule, openFor, trials }

    /// Checks what was stored as it checks what is written by hand.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            rule: values.decode(BreakerRule.self, forKey: .rule),
            openFor: values.decode(Duration.self, forKey: .openFor), trials: values.decode(Int.self, forKey: .trials))
    }
}
