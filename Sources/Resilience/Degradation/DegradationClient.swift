public import ResilienceCore
import Synchronization

/// Tells a service how degraded the system is and which features to offer, as the supervisor beside it has published.
///
///     let features = DegradationClient(clock: ContinuousClock())
///     if features.isOn("recommendations") { … }
///
/// Fails safe: where the file is missing, unreadable or damaged, the last good news hold until they are stale; from then
/// on everything goes by its default. A feature's default is to be on, because whoever would switch it on again may be
/// gone for ever; give `false` to those that must never run unasked. Safe to share; needs no task of its own.
public final class DegradationClient<C: Clock>: Sendable where C.Duration == Duration {
    private struct Known: Sendable {
        var writing: DegradationFile.Writing?
        var notice: DegradationNotice?
        var freshUntil: MonotonicInstant
        var problem: DegradationProblem?
        var lookedAt: MonotonicInstant
        /// How many looks were begun, and which is the last whose news were taken.
        var looks: UInt64 = 1
        var applied: UInt64 = 0
    }

    private let file: DegradationFile
    private let reading: ClockReading<C>
    private let staleAfter: Duration
    private let lookEvery: Duration
    private let defaults: [String: Bool]
    private let known: Mutex<Known>

    /// Looks at the file for the first time.
    ///
    /// - Parameters:
    ///   - staleAfter: what has not been written for longer counts no more; the supervisor writes at least every 10 s.
    ///   - lookEvery: how long an answer may be behind the file. Looking costs a few microseconds.
    ///   - defaults: what holds for features of which nothing is known; one that is not named here is on.
    /// - Throws: `SettingsError` for a time that is not positive, or a staleness no longer than the time between looks.
    public init(
        path: String = "/run/heald/degradation.json", clock: C, staleAfter: Duration = .seconds(30),
        lookEvery: Duration = .milliseconds(500), defaults: [String: Bool] = [:]
    ) throws(SettingsError) {
        try SettingsError.positive(staleAfter, "staleAfter")
        try SettingsError.positive(lookEvery, "lookEvery")
        guard staleAfter > lookEvery else {
            throw SettingsError(
                what: "staleAfter \(staleAfter) is not more than lookEvery \(lookEvery).",
                why: "News would be stale before they are looked for again.",
                howToFix: "Set staleAfter to three times the time between two writings, .seconds(30) by default.")
        }
        self.file = DegradationFile(path: path)
        self.reading = ClockReading(clock)
        self.staleAfter = staleAfter
        self.lookEvery = lookEvery
        self.defaults = defaults
        let now = self.reading.now
        self.known = Mutex(Known(freshUntil: now, lookedAt: now))
        self.apply(self.file.look(known: nil), 1)
    }

    /// Whether a feature is to be offered.
    public func isOn(_ feature: String) -> Bool { self.state.isOn(feature) }

    /// How degraded the system is; NORMAL where nothing is known.
    public var level: DegradationLevel { self.state.level }

    /// All that is known now.
    public var state: DegradationState {
        let now = self.reading.now
        // One caller looks, outside the lock; the others go by what is known meanwhile.
        let turn = self.known.withLock { known -> (UInt64, DegradationFile.Writing?)? in
            guard now - known.lookedAt >= self.lookEvery else { return nil }
            known.lookedAt = now
            known.looks += 1
            return (known.looks, known.writing)
        }
        if let (number, writing) = turn { self.apply(self.file.look(known: writing), number) }
        return self.known.withLock { self.state(of: $0, at: now) }
    }

    /// What is known now, and then every change of it, for as long as somebody asks for the next.
    public var changes: Changes { Changes(client: self) }

    // MARK: -

    /// - Parameter number: of the look; one that was overtaken by a later one counts no more.
    private func apply(_ look: DegradationFile.Look, _ number: UInt64) {
        let now = self.reading.now
        self.known.withLock { known in
            guard number > known.applied else { return }
            known.applied = number
            switch look {
            case .unchanged: break
            case .written(let writing, let notice, let age):
                known.writing = writing
                known.notice = notice
                known.problem = nil
                // By the monotonic clock from here on: setting the other one makes nothing fresh or stale.
                known.freshUntil = now - age + self.staleAfter
            case .problem(let problem, let writing):
                known.writing = writing
                known.problem = problem
            }
        }
    }

    private func state(of known: Known, at now: MonotonicInstant) -> DegradationState {
        if let notice = known.notice, now < known.freshUntil {
            return DegradationState(
                level: notice.level, isKnown: true, problem: known.problem, features: notice.features,
                defaults: self.defaults)
        }
        return DegradationState(
            level: .normal, isKnown: false, problem: known.problem ?? .stale, features: [:], defaults: self.defaults)
    }

    /// The state now, and then each other one. Whoever is slow gets the newest.
    public struct Changes: AsyncSequence, Sendable {
        public typealias Element = DegradationState
        public typealias Failure = Never
        let client: DegradationClient<C>

        public func makeAsyncIterator() -> Iterator { Iterator(client: self.client) }

        /// Looks as often as the client does while somebody waits; ends with the cancellation of who does.
        public struct Iterator: AsyncIteratorProtocol {
            let client: DegradationClient<C>
            private var last: DegradationState?

            init(client: DegradationClient<C>) { self.client = client }

            public mutating func next() async -> DegradationState? { await self.next(isolation: nil) }

            public mutating func next(isolation actor: isolated (any Actor)?) async -> DegradationState? {
                while !Task.isCancelled {
                    let state = self.client.state
                    if state != self.last {
                        self.last = state
                        return state
                    }
                    do { try await self.client.reading.clock.sleep(for: self.client.lookEvery) } catch { return nil }
                }
                return nil
            }
        }
    }
}
