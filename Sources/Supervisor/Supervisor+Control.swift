import Policy
import RecoveryEngine
import ResilienceCore
import Synchronization

extension Supervisor: SupervisorControl {
    /// A pause always ends by itself; longer than this it is a change of policy.
    public static let pauseLongest = Duration.seconds(30 * 86_400)

    public func status() async -> SupervisorStatus {
        let options = self.options
        return await self.ask { loop, answer in
            answer(loop.status())
        } orIfEnded: {
            SupervisorStatus(
                state: "ended", reason: "the supervisor has ended", version: options.version,
                startedAt: options.startedAt.rfc3339,
                policy: SupervisorStatus.PolicyStatus(
                    generation: 0, loadedAt: options.startedAt.rfc3339, error: nil),
                components: [])
        }
    }

    /// Tells the service manager of the reload while it lasts (`RELOADING=1`, then `READY=1`), applied or not.
    public func reload(by operatorName: String) async -> ReloadReport {
        await self.reloads.run {
            let began = self.ports.clock.now().monotonic
            self.ports.notifier.notify("RELOADING=1\nMONOTONIC_USEC=\(began.nanoseconds / 1_000)")
            let load = self.ports.policies.load()
            let report = await self.ask { loop, answer in
                let report = loop.reload(load, by: operatorName)
                loop.afterCommit.append { answer(report) }
            } orIfEnded: {
                ReloadReport(applied: false, generation: 0, errors: ["the supervisor has ended"])
            }
            self.ports.notifier.notify("READY=1")
            return report
        }
    }

    public func pause(component: String?, for duration: Duration, by operatorName: String, reason: String) async throws
    {
        guard duration > .zero, duration <= Self.pauseLongest else {
            throw ControlError.invalid("a pause lasts more than 0 s and at most 30 days")
        }
        guard !reason.isEmpty, reason.utf8.count <= 500 else {
            throw ControlError.invalid("a pause needs a reason of at most 500 bytes")
        }
        try await self.ask(
            .pause(component: component, for: duration, by: operatorName, reason: reason), about: component)
    }

    public func resume(component: String?, by operatorName: String) async throws {
        try await self.ask(.resume(component: component, by: operatorName), about: component)
    }

    public func checkNow(component: String) async throws -> [CheckStatus] {
        let answer: Result<[CheckStatus], ControlError> = await self.ask { loop, answer in
            guard loop.policy.names.contains(component) else {
                return answer(.failure(loop.noSuchComponent(component)))
            }
            loop.checkNow(component: component) { answer(.success($0)) }
        } orIfEnded: {
            .failure(.invalid("the supervisor has ended"))
        }
        return try answer.get()
    }

    /// Hands an operator's request to the engine; returns when it is written down.
    func ask(_ request: OperatorRequest, about component: String?) async throws {
        let answer: Result<Void, ControlError> = await self.ask { loop, answer in
            if let component, !loop.policy.names.contains(component) {
                return answer(.failure(loop.noSuchComponent(component)))
            }
            guard case .running = loop.phase else {
                return answer(.failure(.invalid("the supervisor is ending")))
            }
            loop.decide(.operatorAsked(request))
            loop.afterCommit.append { answer(.success(())) }
        } orIfEnded: {
            .failure(.invalid("the supervisor has ended"))
        }
        try answer.get()
    }
}

extension DecisionLoop {
    func noSuchComponent(_ name: String) -> ControlError {
        .noSuchComponent(name, known: self.policy.names.sorted())
    }
}

/// One after the other, in the order of asking.
final class TurnTaking: Sendable {
    private let last = Mutex<Task<Void, Never>?>(nil)

    /// Somebody has asked already.
    var isTaken: Bool { self.last.withLock { $0 != nil } }

    func run<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) async -> Result {
        let mine = self.last.withLock { last in
            let previous = last
            let mine = Task {
                await previous?.value
                return await body()
            }
            last = Task { _ = await mine.value }
            return mine
        }
        return await mine.value
    }
}
