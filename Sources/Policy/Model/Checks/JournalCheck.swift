import ResilienceCore

/// Fewer than so many lines that match are logged by a unit's present run.
public struct JournalCheck: Hashable, Sendable {
    /// Whose lines; a policy that names none means the component's.
    public var unit: String
    public var pattern: Pattern
    /// So many within the window are too many.
    public var count: Int
    public var within: Duration

    public init(unit: String, pattern: Pattern, count: Int = 1, within: Duration = .seconds(300)) {
        self.unit = unit
        self.pattern = pattern
        self.count = count
        self.within = within
    }
}
