import ResilienceCore

/// Tells the services beside heald what the host does without.
public protocol DegradationPublisher: Sendable {
    /// Replaces what was told before; `nil`: nothing is told any more. Told again, whether it changed or not, before it
    /// would count as stale. Returns at once.
    func publish(_ notice: DegradationNotice?)
    /// Why the last could not be told; `nil` where it could.
    var problem: String? { get }
}
