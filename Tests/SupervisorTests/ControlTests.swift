import Logging
import Policy
import RecoveryEngine
import ResilienceCore
import Synchronization
import Testing

@testable import Supervisor

/// The supervisor as the control socket and the signals see it: with its thread and the machine's clocks.
@Suite struct `Asking the running supervisor` {
    private func start(_ world: World, _ engine: ScriptedEngine, components: [String] = ["web"]) async throws
        -> Supervisor
    {
        var ports = world.ports
        ports.clock = SystemClock()
        let supervisor = Supervisor(
            engine: engine, ports: ports,
            options: SupervisorOptions(version: "1", processID: 7, startedAt: wall(seconds: 5_000)),
            inbox: SupervisorInbox(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        engine.state.withLock {
            $0.components = components.map {
                ComponentSnapshot(
                    name: $0, verdict: .up, state: "healthy", detail: nil, since: wall(seconds: 0),
                    unit: "\($0).service",
                    checks: [
                        CheckSnapshot(
                            name: "port", type: "tcp", verdict: .up, message: nil, lastAt: wall(seconds: 1),
                            latency: .milliseconds(250))
                    ], openIncident: nil)
            }
        }
        let policy = PolicySnapshot(components: components.map { Component(name: $0, checks: [probe(1).check]) })
        try await supervisor.start(policy: policy, warnings: [], restored: RestoredState())
        return supervisor
    }

    @Test func `its start is written down before start returns`() async throws {
        let world = World()
        let supervisor = try await self.start(world, ScriptedEngine())
        #expect(world.batches.first?.records.map(\.body) == [.supervisorStarted(version: "1", processID: 7)])
        await supervisor.end(reason: "test")
    }

    @Test func `status tells what the engine tells, with times that people can read`() async throws {
        let engine = ScriptedEngine()
        let supervisor = try await self.start(World(), engine)
        engine.state.withLock { $0.hostState = ("paused", "by root until noon") }
        let status = await supervisor.status()
        #expect(status.state == "paused")
        #expect(status.reason == "by root until noon")
        #expect(status.startedAt == "1970-01-01T01:23:20.000000Z")
        #expect(status.policy.generation == 1)
        #expect(
            status.components == [
                ComponentStatus(
                    name: "web", verdict: .up, state: "healthy", detail: nil, since: "1970-01-01T00:00:00.000000Z",
                    unit: "web.service",
                    checks: [
                        CheckStatus(
                            name: "port", type: "tcp", verdict: .up, message: nil,
                            lastAt: "1970-01-01T00:00:01.000000Z", seconds: 0.25)
                    ], openIncident: nil)
            ])
        await supervisor.end(reason: "test")
    }

    @Test func `an unknown component is refused with the names that there are`() async throws {
        let engine = ScriptedEngine()
        let supervisor = try await self.start(World(), engine, components: ["web", "db"])
        let refusal = ControlError.noSuchComponent("wbe", known: ["db", "web"])
        await #expect(throws: refusal) {
            try await supervisor.pause(component: "wbe", for: .seconds(60), by: "root", reason: "work")
        }
        await #expect(throws: refusal) { try await supervisor.resume(component: "wbe", by: "root") }
        await #expect(throws: refusal) { _ = try await supervisor.checkNow(component: "wbe") }
        #expect(!engine.events.contains { if case .operatorAsked = $0 { true } else { false } })
        await supervisor.end(reason: "test")
    }

    @Test(arguments: [
        (Duration.zero, false), (.seconds(1), true), (.seconds(2_592_000), true), (.seconds(2_592_001), false),
    ])
    func `a pause ends by itself and not too late`(duration: Duration, accepted: Bool) async throws {
        let engine = ScriptedEngine()
        let supervisor = try await self.start(World(), engine)
        if accepted {
            try await supervisor.pause(component: nil, for: duration, by: "root", reason: "work")
        } else {
            await #expect(throws: ControlError.self) {
                try await supervisor.pause(component: nil, for: duration, by: "root", reason: "work")
            }
        }
        let asked = engine.events.contains(
            .operatorAsked(.pause(component: nil, for: duration, by: "root", reason: "work")))
        #expect(asked == accepted)
        await supervisor.end(reason: "test")
    }

    @Test func `an answer to what waits for an operator finds it by number or component, and only what waits`()
        async throws
    {
        let engine = ScriptedEngine()
        let supervisor = try await self.start(World(), engine, components: ["web", "db", "19"])
        engine.state.withLock {
            for index in $0.components.indices where $0.components[index].name != "db" {
                $0.components[index].approval = PendingApproval(
                    id: 17 + Int64(index), action: "RESTART", attempt: 2, until: wall(seconds: 9), approvedBy: nil)
            }
        }
        let web = AnsweredApproval(id: 17, component: "web", action: "RESTART", attempt: 2)
        #expect(try await supervisor.answerApproval(of: "17", approves: true, by: "alice", reason: "go") == web)
        #expect(try await supervisor.answerApproval(of: "web", approves: false, by: "bob", reason: nil) == web)
        #expect(try await supervisor.answerApproval(of: "19", approves: true, by: "bob", reason: nil).id == 19)
        let waiting = ["17 (RESTART of web)", "19 (RESTART of 19)"]
        await #expect(throws: ControlError.noSuchApproval("18", waiting: waiting)) {
            try await supervisor.answerApproval(of: "18", approves: true, by: "root", reason: nil)
        }
        await #expect(throws: ControlError.noSuchApproval("db", waiting: waiting)) {
            try await supervisor.answerApproval(of: "db", approves: true, by: "root", reason: nil)
        }
        await #expect(throws: ControlError.noSuchComponent("wbe", known: ["19", "db", "web"])) {
            try await supervisor.answerApproval(of: "wbe", approves: true, by: "root", reason: nil)
        }
        let asked = engine.events.compactMap { if case .operatorAsked(let request) = $0 { request } else { nil } }
        #expect(
            asked == [
                .approve(id: 17, by: "alice", reason: "go"), .deny(id: 17, by: "bob", reason: nil),
                .approve(id: 19, by: "bob", reason: nil),
            ])
        await supervisor.end(reason: "test")
        await #expect(throws: ControlError.self) {
            try await supervisor.answerApproval(of: "17", approves: true, by: "root", reason: nil)
        }
    }

    @Test func `a check asked for now is answered with what its probes brought, those under way included`() async throws
    {
        let world = World()
        let engine = ScriptedEngine()
        engine.answers { event, _ in
            switch event {
            case .unitsUnknown: [.probe(probe(1)), .probe(probe(2, component: "db"))]
            case .operatorAsked(.checkNow("web")): [.probe(probe(3))]
            case .probeFinished(let id, _, _, _): [note("result \(id)")]
            default: []
            }
        }
        let supervisor = try await self.start(world, engine, components: ["web", "db"])
        supervisor.mailbox.put(.event(.unitsUnknown(why: "one probe under way")))
        let checks = Task { try await supervisor.checkNow(component: "web") }
        try await until { world.state.withLock { $0.pendingProbes.keys.sorted() == [1, 2, 3] } }
        let isWaiting = {
            await supervisor.ask { loop, answer in
                answer(!loop.waiters.isEmpty)
            } orIfEnded: {
                false
            }
        }
        world.answerProbe(3, passed())
        #expect(await isWaiting())
        world.answerProbe(1, passed())
        let answered = try await checks.value
        #expect(answered.map(\.name) == ["port"])
        #expect(!(await isWaiting()))
        await supervisor.end(reason: "test")
    }

    @Test func `whoever waits for a check is answered when the supervisor ends`() async throws {
        let world = World()
        let engine = ScriptedEngine()
        engine.answers { event, _ in
            if case .operatorAsked(.checkNow) = event { [.probe(probe(3))] } else { [] }
        }
        let supervisor = try await self.start(world, engine)
        let checks = Task { try await supervisor.checkNow(component: "web") }
        try await until { world.state.withLock { !$0.pendingProbes.isEmpty } }
        await supervisor.end(reason: "test")
        #expect(try await checks.value.count == 1)
    }

    @Test func `a reload is framed for the service manager, refused or not`() async throws {
        let world = World()
        let supervisor = try await self.start(world, ScriptedEngine())
        for load in [PolicyLoad.refused(errors: ["bad"]), .loaded(PolicySnapshot(), warnings: [])] {
            world.state.withLock { $0.policy = load }
            world.clearTrace()
            _ = await supervisor.reload(by: "SIGHUP")
            let said = world.trace.compactMap { entry -> String? in
                guard case .notified(let text) = entry, !text.hasPrefix("STATUS=") else { return nil }
                return text
            }
            #expect(said.count == 2)
            #expect(said.first?.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") == true)
            #expect(said.last == "READY=1")
        }
        await supervisor.end(reason: "test")
    }

    @Test func `a heartbeat reaches the engine where it has a check for it`() async throws {
        let engine = ScriptedEngine()
        let supervisor = try await self.start(World(), engine, components: ["web", "db"])
        engine.state.withLock {
            $0.heartbeatTargets = [
                "web": HeartbeatTarget(checks: ["loop"], mainPID: 42), "db": HeartbeatTarget(checks: [], mainPID: nil),
            ]
        }
        try await supervisor.beat(component: "web", check: nil)
        try await supervisor.beat(component: "web", check: "loop")
        await #expect(throws: ControlError.invalid("web has no heartbeat check \"port\"; it has loop")) {
            try await supervisor.beat(component: "web", check: "port")
        }
        await #expect(throws: ControlError.invalid("db has no check of type heartbeat")) {
            try await supervisor.beat(component: "db", check: nil)
        }
        let refusal = ControlError.noSuchComponent("wbe", known: ["db", "web"])
        await #expect(throws: refusal) { try await supervisor.beat(component: "wbe", check: nil) }
        await #expect(throws: refusal) { _ = try await supervisor.mainProcess(of: "wbe") }
        #expect(try await supervisor.mainProcess(of: "web") == 42)
        #expect(try await supervisor.mainProcess(of: "db") == nil)
        let beats = engine.events.filter { if case .beat = $0 { true } else { false } }
        #expect(beats == [.beat(component: "web", check: nil), .beat(component: "web", check: "loop")])
        await supervisor.end(reason: "test")
        await #expect(throws: ControlError.self) { try await supervisor.beat(component: "web", check: nil) }
    }

    @Test func `an ended supervisor answers instead of hanging`() async throws {
        let supervisor = try await self.start(World(), ScriptedEngine())
        await supervisor.end(reason: "test")
        await supervisor.end(reason: "again")
        #expect(await supervisor.status().state == "ended")
        #expect(await supervisor.reload(by: "root").applied == false)
        await #expect(throws: ControlError.self) { try await supervisor.resume(component: nil, by: "root") }
        await #expect(throws: ControlError.self) { _ = try await supervisor.checkNow(component: "web") }
    }

    @Test func `one turn after the other, in the order of asking`() async {
        let turns = TurnTaking()
        let world = World()
        let gate = AsyncStream.makeStream(of: Void.self)
        let first = Task {
            await turns.run {
                for await _ in gate.stream { break }
                world.add(.acted(1))
            }
        }
        try? await until { turns.isTaken }
        let second = Task { await turns.run { world.add(.acted(2)) } }
        gate.continuation.yield()
        await first.value
        await second.value
        #expect(world.trace == [.acted(1), .acted(2)])
    }
}

struct TookTooLong: Error {}

/// Waits for what another thread brings about, at most 10 s.
func until(_ condition: @Sendable () -> Bool) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(10)
    while !condition() {
        guard clock.now < deadline else { throw TookTooLong() }
        await Task.yield()
    }
}

@Suite struct `Times for people` {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"), (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_767_225_599_999_999, "2025-12-31T23:59:59.999999Z"),
            (4_107_542_400_000_001, "2100-03-01T00:00:00.000001Z"),
            (-11_676_096_000_000_000, "1600-01-01T00:00:00.000000Z"),
        ] as [(Int64, String)])
    func `are RFC 3339 in UTC with microseconds`(microseconds: Int64, text: String) {
        #expect(WallTime(microseconds: microseconds).rfc3339 == text)
    }
}
