import Synchronization

/// The event streams that are open: how many there may be, and how all of them end with the server.
final class OpenStreams: Sendable {
    private struct State {
        var streams: [Int: EventStream] = [:]
        var next = 0
        var hasEnded = false
    }

    private let ledger: ConnectionLedger
    private let state = Mutex(State())

    init(limits: ControlLimits) { self.ledger = ConnectionLedger(limits: limits.ofStreams) }

    /// A place for one more stream, given back when the last reference to it goes.
    final class Place: Sendable {
        private let ledger: ConnectionLedger
        private let caller: Caller

        fileprivate init?(_ ledger: ConnectionLedger, _ caller: Caller) {
            guard ledger.admit(caller) else { return nil }
            self.ledger = ledger
            self.caller = caller
        }

        deinit { self.ledger.leave(self.caller) }
    }

    /// - Returns: `nil` where there is none left.
    func place(for caller: Caller) -> Place? { Place(self.ledger, caller) }

    /// Runs a stream to its end; `endAll` ends it.
    func run<Result>(_ stream: EventStream, _ body: () async throws -> Result) async rethrows -> Result {
        let (number, hasEnded) = self.state.withLock { state in
            state.next += 1
            state.streams[state.next] = stream
            return (state.next, state.hasEnded)
        }
        defer { self.state.withLock { $0.streams[number] = nil } }
        if hasEnded { stream.end(.shutdown) }
        return try await body()
    }

    /// The server ends.
    func endAll() {
        let streams = self.state.withLock { state in
            state.hasEnded = true
            return Array(state.streams.values)
        }
        for stream in streams { stream.end(.shutdown) }
    }
}
