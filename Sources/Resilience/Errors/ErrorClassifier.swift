public import ResilienceCore

/// What an error means for the caller.
public struct Classification: Hashable, Sendable {
    /// Why it failed; its category follows.
    public var reason: FailureReason
    /// Whether the same call may succeed a little later.
    public var isWorthRetrying: Bool
    /// How long the other side asked to wait.
    public var retryAfter: Duration?

    /// - Parameter isWorthRetrying: `nil` for what the reason says.
    public init(_ reason: FailureReason, isWorthRetrying: Bool? = nil, retryAfter: Duration? = nil) {
        self.reason = reason
        self.isWorthRetrying = isWorthRetrying ?? reason.isWorthRetrying
        self.retryAfter = retryAfter
    }
}

/// Tells what errors mean. Adapters for the errors of a library conform to it.
public protocol ErrorClassifier: Sendable {
    /// What an error means; `nil` where this classifier does not know it.
    func classify(_ error: any Error) -> Classification?
}

extension ErrorClassifier {
    /// How much an error counts against the other side; `nil` for one that does not. An error that nobody knows counts
    /// as HIGH, because a breaker that ignored it would never open.
    public func severity(of error: any Error) -> Severity? {
        if let error = error as? CallError, error.code.isRejection || error.code == .cancelled { return nil }
        guard let reason = self.meaning(of: error)?.reason else { return .high }
        return reason.speaksAgainstService ? reason.severityOfCall : nil
    }

    /// What an error that came out of a call means: of ours, the error below is what a classifier knows; where there is
    /// none, the code says it.
    func meaning(of error: any Error) -> Classification? {
        guard let error = error as? CallError else { return self.classify(error) }
        if let cause = error.cause, error.code != .timedOut, error.code != .cancelled { return self.meaning(of: cause) }
        return self.classify(error) ?? StandardClassifier().classify(error)
    }

    /// This one's word, or where it does not know an error the other's.
    public func or(_ other: any ErrorClassifier) -> some ErrorClassifier {
        ClosureClassifier { self.classify($0) ?? other.classify($0) }
    }
}

/// A classifier from a closure.
public struct ClosureClassifier: ErrorClassifier {
    private let body: @Sendable (any Error) -> Classification?

    /// - Parameter body: `nil` for an error that it does not know.
    public init(_ body: @escaping @Sendable (any Error) -> Classification?) { self.body = body }

    public func classify(_ error: any Error) -> Classification? { self.body(error) }
}
