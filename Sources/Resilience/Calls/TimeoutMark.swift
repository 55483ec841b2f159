import Synchronization

/// Tells what runs under a timeout whether it was cancelled by that timeout or by its caller: the one speaks against
/// the other side, the other does not.
final class TimeoutMark: Sendable {
    @TaskLocal static var current: TimeoutMark?

    private let fired = Atomic(false)
    private let outer = TimeoutMark.current

    func fire() { self.fired.store(true, ordering: .releasing) }

    /// Whether this timeout or one around it has passed.
    var hasFired: Bool { self.fired.load(ordering: .acquiring) || self.outer?.hasFired == true }
}
