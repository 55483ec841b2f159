import ResilienceCore

/// A time in which some components are not repaired, because people work on them.
public struct MaintenanceWindow: Hashable, Sendable {
    public var name: String
    /// Names of components.
    public var components: [String]
    /// Every component that has one of these tags.
    public var tags: [String]
    /// When it begins.
    public var calendar: CalendarExpression
    /// How long it lasts.
    public var duration: Duration

    public init(
        name: String, components: [String] = [], tags: [String] = [], calendar: CalendarExpression, duration: Duration
    ) {
        self.name = name
        self.components = components
        self.tags = tags
        self.calendar = calendar
        self.duration = duration
    }

    /// Whoever it names. One that names nobody concerns nobody.
    public func concerns(_ component: Component) -> Bool {
        self.components.contains(component.name) || self.tags.contains(where: component.tags.contains)
    }

    /// When the window that is open at an instant ends; `nil` where none is.
    ///
    /// - Parameter offset: see `CalendarExpression.next(after:offset:)`.
    public func end(at instant: WallTime, offset: (Int64) -> Int64) -> WallTime? {
        let begin = self.calendar.next(after: instant + (.zero - self.duration), offset: offset)
        guard let begin, begin <= instant else { return nil }
        return begin + self.duration
    }
}
