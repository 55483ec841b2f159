/// Which call, of whom, at which try: travels into the call and out with its error.
public struct CallContext: Hashable, Sendable {
    /// What was called, for example `read-orders`.
    public var operation: String
    /// What it was called of, for example `orders-db`; empty where nothing was said.
    public var component: String
    /// Which try, counted from 1.
    public var attempt: Int
    /// Since the first try began.
    public var elapsed: Duration
    /// How long this try may take from its beginning; `nil`: as long as it wants. A sync call, which nothing can stop
    /// from outside, hands it to its own socket or query.
    public var limit: Duration?

    /// A context to begin with.
    public init(
        operation: String, component: String = "", attempt: Int = 1, elapsed: Duration = .zero, limit: Duration? = nil
    ) {
        self.operation = operation
        self.component = component
        self.attempt = attempt
        self.elapsed = elapsed
        self.limit = limit
    }
}
