import ResilienceCore

/// `SCALE_UP` (also written `SCALE`) and `SCALE_DOWN`: more or fewer instances, or higher limits and back.
public struct ScaleStrategy: StrategyTraits, Hashable, Codable {
    public enum Direction: String, Hashable, Sendable, Codable { case up, down }

    public var direction: Direction
    public init(_ direction: Direction) { self.direction = direction }

    public var action: String { self.direction == .up ? "SCALE_UP" : "SCALE_DOWN" }
    public var needsUnit: Bool { false }
    public var needsFact: ComponentFacts.Key? { .scale }
    /// More of something interrupts nobody; less does.
    public var isDisruptive: Bool { self.direction == .down }
    public var isVerified: Bool { true }

    /// Against too much work, which is what a rate limit says too.
    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        switch category {
        case .transient, .unknown, .rateLimit: true
        case .authentication, .dataValidation, .permanent: false
        }
    }
}
