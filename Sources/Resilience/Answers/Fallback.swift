public import ResilienceCore

/// A result and where it came from.
public struct Answer<Value: Sendable>: Sendable {
    /// Where a result came from.
    public enum Source: Hashable, Sendable {
        /// The call itself.
        case call
        /// An earlier call, so long ago.
        case cache(age: Duration)
        /// A value that was fixed beforehand.
        case standIn
        /// Another call, made because this one failed.
        case otherCall
    }

    /// The result.
    public let value: Value
    /// Where it came from.
    public let source: Source
    /// What kept the call's own result away; `nil` where nothing did.
    public let error: CallError?
}

/// What takes the place of a result that a call could not give: the first of several ways that has one.
///
/// A cancelled caller gets none: it wants no result any more.
public struct Fallback<Value: Sendable>: Sendable {
    private enum Way: Sendable {
        case value(Value)
        case cache(
            read: @Sendable () -> (value: Value, age: Duration)?, store: @Sendable (Value) -> Void)
        case call(@Sendable (CallError) throws -> Value)
        case asyncCall(@Sendable (CallError) async throws -> Value)
    }

    private let ways: [Way]

    private init(_ ways: [Way]) { self.ways = ways }

    /// A value fixed beforehand.
    public static func value(_ value: Value) -> Self { Self([.value(value)]) }

    /// The last good answer for a key, if it is not too old. Answers of the call are stored there.
    ///
    /// - Parameter ageMax: an older answer is worse than none.
    /// - Throws: `SettingsError` for an age that is not positive.
    public static func cached<Key, C>(
        in cache: AnswerCache<Key, Value, C>, for key: Key, notOlderThan ageMax: Duration
    ) throws(SettingsError) -> Self {
        try SettingsError.positive(ageMax, "ageMax")
        return Self([
            .cache(
                read: { cache.answer(for: key, notOlderThan: ageMax) }, store: { cache.store($0, for: key) })
        ])
    }

    /// Another call; told what failed. If it fails too, the next way is tried, or the first error is thrown.
    public static func call(_ body: @escaping @Sendable (CallError) throws -> Value) -> Self { Self([.call(body)]) }

    /// Another async call; told what failed. A sync call passes it over.
    public static func call(_ body: @escaping @Sendable (CallError) async throws -> Value) -> Self {
        Self([.asyncCall(body)])
    }

    /// This way, and where it has no result the other.
    public func or(_ other: Self) -> Self { Self(self.ways + other.ways) }

    /// Makes the call, and looks for another result where it fails.
    ///
    /// - Throws: the error of the call where no way has a result, or the caller was cancelled.
    nonisolated(nonsending) public func call(
        _ operation: String = "", _ body: nonisolated(nonsending) () async throws -> Value
    ) async throws(CallError) -> Answer<Value> {
        let error: CallError
        do {
            return self.kept(try await body())
        } catch let failure {
            error = CallError(wrapping: failure, in: CallContext(operation: operation))
        }
        guard error.code != .cancelled, !Task.isCancelled else { throw error }
        for way in self.ways {
            if case .asyncCall(let other) = way {
                guard let value = try? await other(error) else { continue }
                return Answer(value: value, source: .otherCall, error: error)
            }
            if let answer = self.answer(way, error) { return answer }
        }
        throw error
    }

    /// Makes the sync call, and looks for another result where it fails.
    ///
    /// - Throws: the error of the call where no way has a result.
    @_disfavoredOverload
    public func call(
        _ operation: String = "", _ body: () throws -> Value
    ) throws(CallError) -> Answer<Value> {
        let error: CallError
        do {
            return self.kept(try body())
        } catch let failure {
            error = CallError(wrapping: failure, in: CallContext(operation: operation))
        }
        guard error.code != .cancelled, !Task.isCancelled else { throw error }
        for way in self.ways { if let answer = self.answer(way, error) { return answer } }
        throw error
    }

    private func kept(_ value: Value) -> Answer<Value> {
        for case .cache(_, let store) in self.ways { store(value) }
        return Answer(value: value, source: .call, error: nil)
    }

    private func answer(_ way: Way, _ error: CallError) -> Answer<Value>? {
        switch way {
        case .value(let value): Answer(value: value, source: .standIn, error: error)
        case .cache(let read, _):
            read().map { Answer(value: $0.value, source: .cache(age: $0.age), error: error) }
        case .call(let other):
            (try? other(error)).map { Answer(value: $0, source: .otherCall, error: error) }
        case .asyncCall: nil
        }
    }
}
