/// A setting that cannot work, refused where it is made rather than found out during an outage.
public struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    public var what: String
    public var why: String
    public var howToFix: String

    public init(what: String, why: String, howToFix: String) {
        self.what = what
        self.why = why
        self.howToFix = howToFix
    }

    public var description: String { "\(self.what) Why: \(self.why) Fix: \(self.howToFix)" }
}
