/// What settings of several kinds have to hold to, said once.
extension SettingsError {
    /// The largest count that a setting may ask for; bounds the memory of whatever counts.
    public static let countMax = 100_000

    /// Refuses a count outside 1 ... `countMax`.
    public static func count(_ value: Int, _ name: String) throws(SettingsError) {
        guard (1...Self.countMax).contains(value) else {
            throw SettingsError(
                what: "\(name) is \(value).", why: "It must do something, and what is counted takes memory.",
                howToFix: "Set it to 1 ... \(Self.countMax).")
        }
    }

    /// Refuses a duration that is zero or negative.
    public static func positive(_ value: Duration, _ name: String) throws(SettingsError) {
        guard value > .zero else {
            throw SettingsError(
                what: "\(name) is \(value).", why: "No time passes within it.",
                howToFix: "Set it to more than zero, for example .seconds(60).")
        }
    }

    /// Refuses what is not a share above 0 and at most 1, a value that is no number included.
    public static func share(_ value: Double, _ name: String) throws(SettingsError) {
        guard value > 0, value <= 1 else {
            throw SettingsError(
                what: "\(name) is \(value).", why: "A share lies above 0 and is at most 1.",
                howToFix: "Set it to 0.5 for one half, for example.")
        }
    }

    /// Refuses a factor that would shrink, never end or is no number.
    public static func growth(_ value: Double, _ name: String) throws(SettingsError) {
        guard value >= 1, value.isFinite else {
            throw SettingsError(
                what: "\(name) is \(value).", why: "Waits must not shrink, and must be a length of time.",
                howToFix: "Set it to a number of at least 1; 2 doubles each wait.")
        }
    }
}
