import ResilienceCore

/// `EXEC`: a program of the operator's, run by systemd as a sandboxed unit of its own.
public struct ExecStrategy: StrategyTraits, Hashable, Codable {
    /// argv; never a shell. The first is an absolute path.
    public var command: [String]
    /// `nil`: root.
    public var user: String?

    public init(command: [String], user: String? = nil) {
        self.command = command
        self.user = user
    }

    public var action: String { "EXEC" }
    public var needsUnit: Bool { false }
    public var isDisruptive: Bool { true }
    public var isVerified: Bool { true }

    /// Whatever the operator wrote it against; but who is asked to slow down is not hurried, and a refused credential
    /// needs a person.
    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        switch category {
        case .transient, .unknown, .dataValidation, .permanent: true
        case .rateLimit, .authentication: false
        }
    }
}
