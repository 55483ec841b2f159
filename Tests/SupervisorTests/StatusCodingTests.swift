import Foundation
import Supervisor
import Testing

/// The status as it goes over the control socket.
@Suite struct StatusCodingTests {
    @Test func `what heald's environment overrides reaches the other side`() throws {
        let status = SupervisorStatus(
            state: "running", reason: nil, version: "1", startedAt: "2026-01-01T00:00:00.000000Z",
            policy: SupervisorStatus.PolicyStatus(
                generation: 1, loadedAt: "2026-01-01T00:00:00.000000Z", error: nil,
                overrides: ["HEALD_ENABLED": "false"]),
            components: [])
        let bytes = try JSONEncoder().encode(status)
        #expect(try JSONDecoder().decode(SupervisorStatus.self, from: bytes) == status)
    }
}
