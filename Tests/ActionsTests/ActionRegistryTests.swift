import Actions
import CoreMetrics
import Logging
import Policy
import RecoveryEngine
import Resilience
import ResilienceCore
import Systemd
import Testing

@Suite struct ActionRegistryTests {
    /// Nobody listens there.
    private static func means(calls: CallMetrics? = nil) throws -> ActionMeans {
        let systemd = try SystemdManager(
            address: .address("unix:path=/nonexistent/bus"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { _ in }
        return try ActionMeans(systemd: systemd, calls: calls)
    }

    private static func request(_ action: String, unit: String? = "web.service") -> ActionRequest {
        ActionRequest(
            id: 7, incident: 3, component: "web", action: action, unit: unit, attempt: 1, timeout: .milliseconds(200),
            expectedInvocationID: nil, policyGeneration: 1)
    }

    @Test func `an action that does not exist fails and says what there is`() async throws {
        let registry = ActionRegistry(try Self.means())
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
        let registry = ActionRegistry(try Self.means())
        let outcome = await registry.run(Self.request("RESTART", unit: nil))
        #expect(outcome == ActionOutcome(.refused, detail: "web has no unit to restart"))
    }

    @Test func `without a bus a restart fails in its time and says that nothing was done`() async throws {
        let registry = ActionRegistry(try Self.means())
        let begin = ContinuousClock.now
        let outcome = await registry.run(Self.request("RESTART"))
        #expect(outcome.result == .failed && outcome.detail.hasPrefix("nothing was done: "), "\(outcome.detail)")
        #expect(ContinuousClock.now - begin < .seconds(2))
        let earlier = await registry.reconcile(Self.request("RESTART"))
        #expect(earlier.result == .interrupted)
    }

    @Test func `without a bus a hook fails, is counted as such, and its reason is told`() async throws {
        let metrics = try CallMetrics(factory: NOOPMetricsHandler.instance)
        var request = Self.request("EXEC")
        request.strategy = .exec(ExecStrategy(command: ["/bin/true"]))
        let outcome = await ActionRegistry(try Self.means(calls: metrics)).run(request)
        #expect(outcome.result == .failed && outcome.detail.hasPrefix("nothing was done: "), "\(outcome.detail)")
        let counted = try #require(metrics.statistics(of: "hook"))
        #expect(counted.calls == 1 && counted.failures == [.failed: 1])
    }

    @Test func `a registered action gets the request of its name`() async throws {
        struct Echo: RecoveryAction {
            static let name = "ECHO"
            init(_ means: ActionMeans) {}
            func run(_ request: ActionRequest) async -> ActionOutcome {
                ActionOutcome(.succeeded, detail: "\(request.component) \(request.id)")
            }
            func reconcile(_ request: ActionRequest) async -> ActionOutcome {
                ActionOutcome(.interrupted, detail: "\(request.id)")
            }
        }
        let registry = ActionRegistry(try Self.means(), actions: ActionRegistry.standard + [Echo.self])
        #expect(
            registry.names == [
                "CIRCUIT_BREAK", "CLEAR_CACHE", "DEGRADE", "DRILL", "ECHO", "EXEC", "FAILOVER", "REDUCE_LOAD",
                "RESET_CONNECTION", "RESTART", "ROLLBACK", "SCALE_DOWN", "SCALE_UP", "SWITCH_ENDPOINT",
            ])
        #expect(await registry.run(Self.request("ECHO")) == ActionOutcome(.succeeded, detail: "web 7"))
        #expect(await registry.reconcile(Self.request("ECHO")) == ActionOutcome(.interrupted, detail: "7"))
    }
}
