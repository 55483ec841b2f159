/// An answer that may be a little old: at most one question at a time, and none while the last answer is fresh. Clients
/// who ask in a loop cost the decision loop a few answers a second.
actor Recent<Reading: Sendable> {
    private let maximumAge: Duration
    private let ask: @Sendable () async throws -> Reading
    private var latest: (reading: Reading, at: ContinuousClock.Instant)?
    private var question: Task<Reading, any Error>?

    init(maximumAge: Duration, ask: @escaping @Sendable () async throws -> Reading) {
        self.maximumAge = maximumAge
        self.ask = ask
    }

    /// An answer that is at most `maximumAge` old.
    func reading() async throws -> Reading {
        if let latest = self.latest, ContinuousClock.now - latest.at < self.maximumAge { return latest.reading }
        if let question = self.question { return try await question.value }
        let question = Task { try await self.askAnew() }
        self.question = question
        return try await question.value
    }

    private func askAnew() async throws -> Reading {
        defer { self.question = nil }
        let reading = try await self.ask()
        self.latest = (reading, ContinuousClock.now)
        return reading
    }
}
