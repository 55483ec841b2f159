/// What to do about a call that fails, as one word of a configuration and what belongs to it.
public enum FailureStrategy<Value: Sendable, C: Clock>: Sendable where C.Duration == Duration {
    /// The error goes to the caller at once.
    case immediateFail
    /// It is tried again.
    case retryWithBackoff(Retry<C>)
    /// An earlier answer stands in; made by `Fallback.cached`.
    case fallbackToCache(Fallback<Value>)
    /// A fixed value stands in.
    case fallbackToDefault(Value)
    /// Another call does a part of the work.
    case gracefulDegradation(@Sendable (CallError) async throws -> Value)

    /// The word: `IMMEDIATE_FAIL`, `RETRY_WITH_BACKOFF`, `FALLBACK_TO_CACHE`, `FALLBACK_TO_DEFAULT`,
    /// `GRACEFUL_DEGRADATION`.
    public var name: String {
        switch self {
        case .immediateFail: "IMMEDIATE_FAIL"
        case .retryWithBackoff: "RETRY_WITH_BACKOFF"
        case .fallbackToCache: "FALLBACK_TO_CACHE"
        case .fallbackToDefault: "FALLBACK_TO_DEFAULT"
        case .gracefulDegradation: "GRACEFUL_DEGRADATION"
        }
    }

    /// Makes the call and does that about its failure.
    ///
    /// - Throws: what the call, the retry or the fallback throws.
    public func call(
        _ operation: String = "", _ body: @escaping @Sendable (CallContext) async throws -> Value
    ) async throws(CallError) -> Answer<Value> {
        let context = CallContext(operation: operation)
        switch self {
        case .immediateFail:
            do {
                return Answer(value: try await body(context), source: .call, error: nil)
            } catch {
                throw CallError(wrapping: error, in: context)
            }
        case .retryWithBackoff(let retry):
            return Answer(value: try await retry.call(operation, body), source: .call, error: nil)
        case .fallbackToCache(let fallback): return try await fallback.call(operation) { try await body(context) }
        case .fallbackToDefault(let value):
            return try await Fallback.value(value).call(operation) { try await body(context) }
        case .gracefulDegradation(let other):
            return try await Fallback.call(other).call(operation) { try await body(context) }
        }
    }
}
