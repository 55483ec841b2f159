import Supervisor

/// The supervisor's status for those who are not operators: at most one question to the supervisor at a time, and none
/// while the last answer is fresh. A client that asks in a loop costs the decision loop a few answers a second.
actor StatusReader {
    /// A status and its text as JSON.
    struct Reading: Sendable {
        var status: SupervisorStatus
        var body: [UInt8]
    }

    private let control: any SupervisorControl
    private let maximumAge: Duration
    private var latest: (reading: Reading, at: ContinuousClock.Instant)?
    private var question: Task<Reading, any Error>?

    init(control: any SupervisorControl, maximumAge: Duration) {
        self.control = control
        self.maximumAge = maximumAge
    }

    /// A status that is at most `maximumAge` old.
    func recent() async throws -> Reading {
        if let latest = self.latest, ContinuousClock.now - latest.at < self.maximumAge { return latest.reading }
        if let question = self.question { return try await question.value }
        let question = Task { try await self.ask() }
        self.question = question
        return try await question.value
    }

    /// The status as of now.
    nonisolated func fresh() async throws -> Reading {
        let status = await self.control.status()
        return Reading(status: status, body: try ControlAnswer.encode(status))
    }

    private func ask() async throws -> Reading {
        defer { self.question = nil }
        let reading = try await self.fresh()
        self.latest = (reading, ContinuousClock.now)
        return reading
    }
}
