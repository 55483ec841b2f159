import Supervisor

/// The supervisor's status: as of now for operators, a little old for everybody else.
struct StatusReader: Sendable {
    /// A status and its text as JSON.
    struct Reading: Sendable {
        var status: SupervisorStatus
        var body: [UInt8]
    }

    private let control: any SupervisorControl
    private let latest: Recent<Reading>

    init(control: any SupervisorControl, maximumAge: Duration) {
        self.control = control
        self.latest = Recent(maximumAge: maximumAge) { try await Self.ask(control) }
    }

    /// A status that is at most `maximumAge` old.
    func recent() async throws -> Reading { try await self.latest.reading() }

    /// The status as of now.
    func fresh() async throws -> Reading { try await Self.ask(self.control) }

    private static func ask(_ control: any SupervisorControl) async throws -> Reading {
        let status = await control.status()
        return Reading(status: status, body: try ControlAnswer.encode(status))
    }
}
