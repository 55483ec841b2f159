import Actions
import Logging
import RecoveryEngine
import ResilienceCore
import Systemd
import Testing

@Suite struct ActionRegistryTests {
    /// Nobody listens there.
    private static func systemd() throws -> SystemdManager {
        try SystemdManager(
            address: .address("unix:path=/nonexistent/bus"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { _ in }
    }

    private static func request(_ action: String, unit: String? = "web.service") -> ActionRequest {
        ActionRequest(
            id: 7, incident: 3, component: "web", action: action, unit: unit, attempt: 1, timeout: .milliseconds(200),
            expectedInvocationID: nil, policyGeneration: 1)
    }

    @Test func `an action that does not exist fails and says what there is`() async throws {
        let registry = ActionRegistry(systemd: try Self.systemd())
        let outcome = await registry.run(Self.request("TELEPORT"))
        #expect(
            outcome
                == ActionOutcome(
                    .failed,
                    detail:
                        "nothing was done: this version has no action TELEPORT, only CIRCUIT_BREAK, CLEAR_CACHE, DEGRADE, DRILL, EXEC, FAILOVER, REDUCE_LOAD, RESET_CONNECTION, RESTART, ROLLBACK, SCALE_DOWN, SCALE_UP, SWITCH_ENDPOINT"
                ))
        let earlier = await registry.reconcile(Self.request("TELEPORT"))
        #expect(earlier.result == .interrupted)
    }

    @Test func `a component without a unit is refused a restart`() async throws {
        let registry = ActionRegistry(systemd: try Self.systemd())
        let outcome = await registry.run(Self.request("RESTART", unit: nil))
        #expect(outcome == ActionOutcome(.refused, detail: "web has no unit to restart"))
    }

    @Test func `without a bus a restart fails in its time and says that nothing was done`() async throws {
        let registry = ActionRegistry(systemd: try Self.systemd())
        let begin = ContinuousClock.now
        let outcome = await registry.run(Self.request("RESTART"))
        #expect(outcome.result == .failed && outcome.detail.hasPrefix("nothing was done: "), "\(outcome.detail)")
        #expect(ContinuousClock.now - begin < .seconds(2))
        let earlier = await registry.reconcile(Self.request("RESTART"))
        #expect(earlier.result == .interrupted)
    }

    @Test func `a registered action gets the request of its name`() async throws {
        struct Echo: RecoveryAction {
            static let name = "ECHO"
            init(systemd: SystemdManager) {}
            func run(_ request: ActionRequest) async -> ActionOutcome {
                ActionOutcome(.succeeded, detail: "\(request.component) \(request.id)")
            }
            func reconcile(_ request: ActionRequest) async -> ActionOutcome {
                ActionOutcome(.interrupted, detail: "\(request.id)")
            }
        }
        let registry = ActionRegistry(systemd: try Self.systemd(), actions: ActionRegistry.standard + [Echo.self])
        #expect(
            registry.names == [
                "CIRCUIT_BREAK", "CLEAR_CACHE", "DEGRADE", "DRILL", "ECHO", "EXEC", "FAILOVER", "REDUCE_LOAD",
                "RESET_CONNECTION", "RESTART", "ROLLBACK", "SCALE_DOWN", "SCALE_UP", "SWITCH_ENDPOINT",
            ])
        #expect(await registry.run(Self.request("ECHO")) == ActionOutcome(.succeeded, detail: "web 7"))
        #expect(await registry.reconcile(Self.request("ECHO")) == ActionOutcome(.interrupted, detail: "7"))
    }
}
