/// A timeout around what runs: tells it whether it was cancelled by that timeout or by its caller, since the one speaks
/// against the other side and the other does not.
protocol TimeoutMark: AnyObject, Sendable {
    /// Whether this timeout or one around it has passed.
    var hasFired: Bool { get }
}

enum EnclosingTimeout {
    @TaskLocal static var current: (any TimeoutMark)?
}
