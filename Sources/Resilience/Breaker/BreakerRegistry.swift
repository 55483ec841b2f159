public import ResilienceCore
import Synchronization

/// What one breaker stands for: everything, or a part named by one or more words.
public struct BreakerScope: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The words, from the general to the special; empty for everything.
    public let parts: [String]

    /// Everything.
    public static let all = BreakerScope(parts: [])

    /// A part: `.key("db", "host-7")`.
    public static func key(_ first: String, _ others: String...) -> BreakerScope {
        BreakerScope(parts: [first] + others)
    }

    /// The words with `/` between them; `all` for everything.
    public var description: String { self.parts.isEmpty ? "all" : self.parts.joined(separator: "/") }

    public static func < (left: Self, right: Self) -> Bool { left.parts.lexicographicallyPrecedes(right.parts) }
}

/// One breaker for each scope, made when first asked for, all by the same settings. Safe to share; one of its own for
/// each manager, nothing is global.
///
/// How many there are is bounded: beyond, the one that has been asked for least recently makes room, a closed one
/// first. A breaker that somebody still holds goes on working.
public final class BreakerRegistry<C: Clock>: Sendable where C.Duration == Duration {
    private struct Entry {
        let breaker: CircuitBreaker<C>
        var usedAt: UInt64
    }

    private struct State {
        var entries: [BreakerScope: Entry] = [:]
        var uses: UInt64 = 0
    }

    private let state = Mutex(State())
    private let settings: BreakerSettings
    private let clock: C
    private let scopesMax: Int
    private let severity: @Sendable (any Error) -> Severity?
    private let onChange: (@Sendable (BreakerChange) -> Void)?
    private let feed = ChangeFeed()

    /// - Parameters:
    ///   - scopesMax: how many breakers there are at most.
    ///   - severity: how bad an error is; `nil` for one that does not count.
    ///   - onChange: told of every change of every breaker; must not block.
    /// - Throws: `SettingsError` for a count outside 1 ... 100 000.
    public init(
        _ settings: BreakerSettings, clock: C, scopesMax: Int = 1_000,
        severity: @escaping @Sendable (any Error) -> Severity? = { StandardClassifier().severity(of: $0) },
        onChange: (@Sendable (BreakerChange) -> Void)? = nil
    ) throws(SettingsError) {
        try SettingsError.count(scopesMax, "scopesMax")
        self.settings = settings
        self.clock = clock
        self.scopesMax = scopesMax
        self.severity = severity
        self.onChange = onChange
    }

    /// The breaker of a scope.
    public func breaker(for scope: BreakerScope) -> CircuitBreaker<C> {
        self.state.withLock { state in
            state.uses += 1
            if let known = state.entries[scope] {
                state.entries[scope]?.usedAt = state.uses
                return known.breaker
            }
            if state.entries.count >= self.scopesMax { Self.makeRoom(in: &state) }
            let breaker = CircuitBreaker(
                scope.description, self.settings, clock: self.clock, severity: self.severity,
                onChange: self.onChange, commonFeed: self.feed)
            state.entries[scope] = Entry(breaker: breaker, usedAt: state.uses)
            return breaker
        }
    }

    /// Makes the call unless the breaker of its scope is open.
    ///
    /// - Throws: as `CircuitBreaker.call`.
    nonisolated(nonsending) public func call<Success>(
        for scope: BreakerScope, _ operation: String = "",
        _ body: nonisolated(nonsending) () async throws -> Success
    ) async throws(CallError) -> Success {
        try await self.breaker(for: scope).call(operation, body)
    }

    /// Makes the call, without waiting, unless the breaker of its scope is open.
    ///
    /// - Throws: as `CircuitBreaker.call`.
    @_disfavoredOverload
    public func call<Success>(
        for scope: BreakerScope, _ operation: String = "", _ body: () throws -> Success
    ) throws(CallError) -> Success {
        try self.breaker(for: scope).call(operation, body)
    }

    /// Every breaker there is, in the order of the scopes.
    public var view: [(scope: BreakerScope, status: BreakerStatus)] {
        self.breakers.map { (scope: $0.key, status: $0.value.status) }.sorted { $0.scope < $1.scope }
    }

    /// Closes every breaker there is.
    public func resetAll() { for breaker in self.breakers.values { breaker.reset() } }

    /// What has to be kept of every breaker to go on after a restart.
    public var snapshots: [BreakerScope: BreakerSnapshot] { self.breakers.mapValues { $0.snapshot } }

    /// Goes on from an earlier run, with as many of the scopes as there may be.
    ///
    /// - Parameter downFor: how long nothing ran in between, as far as is known.
    public func restore(_ snapshots: [BreakerScope: BreakerSnapshot], downFor: Duration = .zero) {
        for (scope, snapshot) in snapshots.sorted(by: { $0.key < $1.key }).prefix(self.scopesMax) {
            self.breaker(for: scope).restore(snapshot, downFor: downFor)
        }
    }

    /// The changes of every breaker from now on, those of one breaker in their order, for one listener; ends with the
    /// registry.
    ///
    /// - Parameter keepingNewest: how many changes are kept for a listener that is slow; older ones are lost.
    public func changes(keepingNewest count: Int = 64) -> AsyncStream<BreakerChange> {
        self.feed.stream(keepingNewest: count)
    }

    private var breakers: [BreakerScope: CircuitBreaker<C>] {
        self.state.withLock { $0.entries.mapValues(\.breaker) }
    }

    private static func makeRoom(in state: inout State) {
        let oldest = state.entries.min { left, right in
            let leftIsClosed = left.value.breaker.state == .closed
            let rightIsClosed = right.value.breaker.state == .closed
            return leftIsClosed == rightIsClosed ? left.value.usedAt < right.value.usedAt : leftIsClosed
        }
        if let oldest { state.entries[oldest.key] = nil }
    }
}

extension BreakerScope: Codable {
    public init(from decoder: any Decoder) throws {
        self.init(parts: try decoder.singleValueContainer().decode([String].self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.parts)
    }
}
