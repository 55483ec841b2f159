public import ResilienceCore
public import Synchronization

/// Stops calling what keeps failing, for a while. Safe to share; one of its own for each thing called.
public final class CircuitBreaker<C: Clock>: Sendable where C.Duration == Duration {
    /// The name that its errors and changes carry.
    public let name: String
    /// `BreakerGlance.word`, written under the lock of the machine: a closed breaker around a call that succeeds takes no
    /// lock at all.
    @usableFromInline let glance: Atomic<UInt64>
    private let machine: Mutex<CallBreakerMachine>
    private let reading: ClockReading<C>
    private let severity: @Sendable (any Error) -> Severity?
    private let onChange: (@Sendable (BreakerChange) -> Void)?
    private let feed = ChangeFeed()
    /// Of the registry that it belongs to; goes with that, also where somebody still holds this breaker.
    private weak let commonFeed: ChangeFeed?

    /// - Parameters:
    ///   - severity: how bad an error is; `nil` for one that does not count. A cancelled caller never counts.
    ///   - onChange: told of every change, on the task or thread of the call that brought it about; must not block.
    public convenience init(
        _ name: String, _ settings: BreakerSettings, clock: C,
        severity: @escaping @Sendable (any Error) -> Severity? = { StandardClassifier().severity(of: $0) },
        onChange: (@Sendable (BreakerChange) -> Void)? = nil
    ) {
        self.init(name, settings, clock: clock, severity: severity, onChange: onChange, commonFeed: nil)
    }

    init(
        _ name: String, _ settings: BreakerSettings, clock: C,
        severity: @escaping @Sendable (any Error) -> Severity?, onChange: (@Sendable (BreakerChange) -> Void)?,
        commonFeed: ChangeFeed?
    ) {
        self.name = name
        let machine = CallBreakerMachine(settings: settings)
        self.glance = Atomic(machine.glance.word)
        self.machine = Mutex(machine)
        self.reading = ClockReading(clock)
        self.severity = severity
        self.onChange = onChange
        self.commonFeed = commonFeed
    }

    // MARK: Calls

    /// Makes the call unless the breaker is open.
    ///
    /// - Throws: `circuitOpen` without calling, with the time until trials pass; `failed` with the error of the call;
    ///   `cancelled` where the call says so. A call that is cancelled counts for nothing, unless a `Timeout` cancelled it.
    @inlinable nonisolated(nonsending) public func call<Success>(
        _ operation: String = "", _ body: nonisolated(nonsending) () async throws -> Success
    ) async throws(CallError) -> Success {
        guard let permit = self.admit() else { throw self.rejection(operation) }
        do {
            let value = try await body()
            self.succeeded(permit)
            return value
        } catch {
            throw self.failed(permit, error, operation)
        }
    }

    /// Makes the call, without waiting, unless the breaker is open.
    ///
    /// - Throws: as the async form.
    @_disfavoredOverload
    @inlinable public func call<Success>(
        _ operation: String = "", _ body: () throws -> Success
    ) throws(CallError) -> Success {
        guard let permit = self.admit() else { throw self.rejection(operation) }
        do {
            let value = try body()
            self.succeeded(permit)
            return value
        } catch {
            throw self.failed(permit, error, operation)
        }
    }

    // MARK: By hand

    /// Closes it; it forgets what it counted. Calls under way are not counted.
    public func reset() { self.change { $0.reset(at: self.reading.now) } }

    /// Keeps it open until `reset` or `forceClose`.
    public func forceOpen() { self.change { $0.forceOpen(at: self.reading.now) } }

    /// Keeps it closed, whatever fails, until `reset` or `forceOpen`.
    public func forceClose() { self.change { $0.forceClose(at: self.reading.now) } }

    // MARK: State as a value

    /// What passes now.
    public var state: CallBreakerMachine.State { self.machine.withLock { $0.state } }

    /// All of it as an operator sees it.
    public var status: BreakerStatus {
        self.machine.withLock {
            BreakerStatus(
                breaker: self.name, state: $0.state, triesAgainIn: $0.triesAgainIn(at: self.reading.now),
                level: $0.level,
                lastChange: $0.lastChange)
        }
    }

    /// What has to be kept to go on after a restart.
    public var snapshot: BreakerSnapshot { self.machine.withLock { $0.snapshot(at: self.reading.now) } }

    /// Goes on from an earlier run. One that was half-open tries again at once; windows begin empty.
    ///
    /// - Parameter downFor: how long nothing ran in between, as far as is known; that much of an open time has passed.
    public func restore(_ snapshot: BreakerSnapshot, downFor: Duration = .zero) {
        self.change { $0.restore(snapshot, downFor: downFor, at: self.reading.now) }
    }

    /// Its changes from now on, for one listener; ends with the breaker.
    ///
    /// - Parameter keepingNewest: how many changes are kept for a listener that is slow; older ones are lost.
    public func changes(keepingNewest count: Int = 64) -> AsyncStream<BreakerChange> {
        self.feed.stream(keepingNewest: count)
    }

    /// How many streams of changes are being listened to.
    var listenerCount: Int { self.feed.listenerCount }

    // MARK: -

    @inlinable func admit() -> CallBreakerMachine.Permit? {
        BreakerGlance(word: self.glance.load(ordering: .acquiring)).permit ?? self.admitByLooking()
    }

    @inlinable func succeeded(_ permit: CallBreakerMachine.Permit) {
        let glance = BreakerGlance(word: self.glance.load(ordering: .acquiring))
        if !glance.isDeaf(toSuccessOf: permit) { self.finish(permit, .success) }
    }

    @usableFromInline func failed(
        _ permit: CallBreakerMachine.Permit, _ error: any Error, _ operation: String
    ) -> CallError {
        self.finish(permit, self.outcome(of: error))
        return CallError(wrapping: error, in: self.context(operation))
    }

    @usableFromInline func admitByLooking() -> CallBreakerMachine.Permit? {
        self.change { $0.admit { self.reading.now } }
    }

    @usableFromInline func finish(_ permit: CallBreakerMachine.Permit, _ outcome: CallBreakerMachine.Outcome) {
        self.change { $0.finish(permit, outcome) { self.reading.now } }
    }

    private func change<Value: Sendable>(_ body: (inout CallBreakerMachine) -> Value) -> Value {
        let (value, transition) = self.machine.withLock { machine -> (Value, BreakerTransition?) in
            let before = machine.changes
            let value = body(&machine)
            let word = machine.glance.word
            // Written only where it is another, so that cores that only read it keep it.
            if self.glance.load(ordering: .relaxed) != word { self.glance.store(word, ordering: .releasing) }
            guard machine.changes != before, let transition = machine.lastChange else { return (value, nil) }
            // Under the lock, so that listeners hear of changes in their order.
            let change = BreakerChange(breaker: self.name, transition: transition)
            self.feed.publish(change)
            self.commonFeed?.publish(change)
            return (value, transition)
        }
        // Outside of it: the callee may ask for the state.
        if let transition, let onChange { onChange(BreakerChange(breaker: self.name, transition: transition)) }
        return value
    }

    @usableFromInline func rejection(_ operation: String) -> CallError {
        let triesAgainIn = self.machine.withLock { $0.triesAgainIn(at: self.reading.now) }
        return CallError(.circuitOpen, in: self.context(operation), retryAfter: triesAgainIn)
    }

    private func context(_ operation: String) -> CallContext {
        CallContext(operation: operation, component: self.name)
    }

    private func outcome(of error: any Error) -> CallBreakerMachine.Outcome {
        if error is CancellationError || (error as? CallError)?.code == .cancelled || Task.isCancelled {
            return EnclosingTimeout.current?.hasFired == true ? .failure(.high) : .ignored
        }
        return self.severity(error).map { .failure($0) } ?? .ignored
    }
}
