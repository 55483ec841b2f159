import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// The life of a drill, from its intent to its end.
@Suite struct DrillTests {
    /// `web` with an endpoint that waits for an answer, up for long.
    static func world(_ recovery: [Step] = Step.defaultLadder, dependents: [Component] = []) -> EngineHarness {
        var web = Component.service("web", recovery: recovery)
        web.checks.append(DrillSafetyTests.tcp)
        return DrillSafetyTests.world([web] + dependents)
    }

    @discardableResult
    static func begin(_ world: inout EngineHarness, _ fault: DrillFault = .kill) throws -> ActionRequest {
        let effects = world.send(.operatorAsked(.drill(component: "web", fault, by: "anna", reason: "monthly")))
        return try #require(effects.actions.first)
    }

    static func ends(_ effects: [Effect]) -> [DrillOutcome] {
        effects.records.compactMap { if case .drillEnded(_, let outcome, _) = $0 { outcome } else { nil } }
    }

    private func restored(_ world: EngineHarness, _ components: [Component]? = nil) -> EngineHarness {
        let saved = world.saved
        var web = Component.service("web")
        web.checks.append(DrillSafetyTests.tcp)
        var next = EngineHarness(
            policy: PolicySnapshot(components: components ?? [web]),
            restored: RestoredState(components: saved.components, host: saved.host ?? SavedHost()), at: world.instant)
        next.wallOffset = world.wallOffset
        return next
    }

    @Test func `the intent is on record before the signal, with who, why and whom it is for`() throws {
        var world = Self.world()
        let effects = world.send(.operatorAsked(.drill(component: "web", .kill, by: "anna", reason: "monthly")))
        let request = try #require(effects.actions.first)
        #expect(request.expectedInvocationID == "web-1" && request.unit == "web.service" && request.action == "DRILL")
        guard case .drillBegun(let beginning) = effects.records.first else { throw Missing() }
        #expect(beginning.cause == DrillCause(id: request.id, fault: .kill, by: "anna", reason: "monthly"))
        #expect(beginning.unit == "web.service" && beginning.invocationID == "web-1" && beginning.mainPID == 42)
        #expect(effects.contains { if case .saveHost(let host) = $0 { host.drill?.id == request.id } else { false } })
        #expect(
            effects.records.contains {
                if case .actionIntended(request.id, "DRILL", _, _, _, _) = $0 { true } else { false }
            })
    }

    struct Missing: Error {}

    @Test func `a kill that is healed is a real incident, marked, and measured`() throws {
        var world = Self.world()
        let request = try Self.begin(&world)
        world.instant = world.instant + .milliseconds(2)
        // The death is heard of before the answer to the signal.
        let opened = world.killed("web.service", "web-1")
        world.finish(request)
        let repair = try #require(opened.actions.first)
        #expect(repair.action == "RESTART" && repair.drill == nil)
        #expect(
            opened.records.contains { if case .drillCaused(let cause?) = $0 { cause.by == "anna" } else { false } })
        world.instant = world.instant + .milliseconds(38)
        world.running("web.service", "web-2")
        world.finish(repair)
        let healed = world.advance(by: 30) { _ in .up }
        #expect(healed.resolutions == [.heald])
        #expect(Self.ends(healed) == [.healed])
        let drill = try #require(world.engine.drill)
        #expect(drill.stage == .ended && drill.healer == .heald && drill.actionName == "RESTART" && drill.repairs == 1)
        let begin = try #require(drill.faultAt)
        #expect(begin - drill.begunAt == .milliseconds(2))
        #expect(drill.noticedAt == begin && drill.decidedAt == begin)
        #expect(drill.repairedAt.map { $0 - begin } == .milliseconds(38))
        #expect(try #require(drill.upAt) < #require(drill.provenAt))
    }

    @Test func `the repair spends the budget and counts for breaker and flap as any other`() throws {
        var world = Self.world()
        try Self.begin(&world)
        let repair = try #require(world.killed("web.service", "web-1").actions.first)
        #expect(world.saved.host?.actions.count == 1)
        world.finish(repair, .failed)
        #expect(world.saved.components["web"]?.breaker.failures.count == 1)
        #expect(world.saved.components["web"]?.flap?.changes.count == 1)
    }

    @Test func `a drill that is not healed ends so, and people are told that it was one`() throws {
        var world = Self.world([.restart(.limited(1)), .page])
        let request = try Self.begin(&world)
        let repair = try #require(world.killed("web.service", "web-1").actions.first)
        world.finish(request)
        let failed = world.finish(repair, .failed)
        #expect(Self.ends(failed) == [.notHealed])
        let alert = try #require(failed.alerts.first { $0.event == .healingFailed })
        #expect(alert.text.hasPrefix("[Drill \(request.id) by anna: monthly] "))
        // Its incident goes on, and nothing of it is taken back: what failed has its ladder.
        #expect(world.state(of: "web") == "exhausted")
        #expect(failed.actions.isEmpty)
    }

    @Test func `a signal that was not sent makes no drill, and what fails then is a failure of its own`() throws {
        var world = Self.world()
        let request = try Self.begin(&world)
        world.killed("web.service", "web-1")
        let refused = world.finish(request, .refused)
        #expect(Self.ends(refused) == [.notInjected])
        #expect(refused.records.contains(.drillCaused(nil)))
        #expect(world.saved.components["web"]?.incident?.drill == nil)
        #expect(world.saved.components["web"]?.incident != nil)
    }

    @Test func `a hang that nobody notices is taken back at its limit, and is said to have been missed`() throws {
        var world = Self.world()
        let request = try Self.begin(&world, .hang)
        world.finish(request)
        let limit = try #require(world.engine.drillVerdict(on: "web", .hang, at: world.now)).noticeWithin
        #expect(world.advance(by: limit.inSeconds - 0.1) { _ in .up }.actions.isEmpty)
        let end = world.advance(by: 0.2) { _ in .up }
        let back = try #require(end.actions.first)
        #expect(back.drill == .takeBack(.hang) && back.expectedInvocationID == "web-1")
        #expect(end.alerts.map(\.event) == [.healingFailed])
        #expect(Self.ends(end).isEmpty)
        #expect(Self.ends(world.finish(back)) == [.notNoticed])
        #expect(world.advance(by: 600) { _ in .up }.actions.isEmpty)
    }

    @Test func `a hang that a restart has ended needs no taking back`() throws {
        var world = Self.world()
        world.finish(try Self.begin(&world, .hang))
        let repair = try #require(world.advance(by: 30) { $0.check.name == "tcp" ? .down : .up }.actions.first)
        #expect(repair.action == "RESTART")
        world.running("web.service", "web-2")
        world.finish(repair)
        let healed = world.advance(by: 60) { _ in .up }
        #expect(Self.ends(healed) == [.healed] && healed.actions.isEmpty)
    }

    @Test func `a hang that is noticed and not repaired is taken back at its limit`() throws {
        var world = Self.world()
        world.finish(try Self.begin(&world, .hang))
        // Automation is paused in its middle: nothing repairs it.
        world.send(.operatorAsked(.pause(component: nil, for: .seconds(86_400), by: "root", reason: "x")))
        let effects = world.advance(by: 1_800) { $0.check.name == "tcp" ? .down : .up }
        let back = try #require(effects.actions.first)
        #expect(effects.actions.map(\.drill) == [.takeBack(.hang)])
        #expect(Self.ends(world.finish(back)) == [.notHealed])
    }

    @Test func `taking back goes on until it is done, and people hear of it`() throws {
        var world = Self.world()
        world.finish(try Self.begin(&world, .hang))
        var tries = 0
        var alerts: [AlertMessage] = []
        for _ in 0..<400 {
            let effects = world.advance(by: 10) { _ in .up }
            for request in effects.actions {
                tries += 1
                alerts += world.finish(request, tries == 6 ? .succeeded : .failed).alerts
            }
        }
        #expect(tries == 6)
        #expect(alerts.map(\.severity) == [.critical])
        #expect(world.engine.drill?.stage == .ended)
    }

    @Test func `a killed unit that no check noticed is started again`() throws {
        var web = Component.service("web")
        web.checks = [DrillSafetyTests.tcp]
        var world = DrillSafetyTests.world([web])
        world.finish(try Self.begin(&world))
        world.killed("web.service", "web-1")
        let end = world.advance(by: 120) { _ in .up }
        let back = try #require(end.actions.first)
        #expect(back.drill == .takeBack(.kill))
        world.running("web.service", "web-2")
        #expect(Self.ends(world.finish(back)) == [.notNoticed])
    }

    @Test func `those that wait for it are marked, too`() throws {
        var world = Self.world(dependents: [.service("www", dependsOn: ["web"])])
        let request = try Self.begin(&world)
        world.killed("web.service", "web-1")
        world.finish(request)
        world.killed("www.service", "www-1")
        #expect(world.saved.components["www"]?.incident?.rootCause == "web")
        #expect(world.saved.components["www"]?.incident?.drill?.id == request.id)
    }

    @Test func `another component's failure meanwhile is its own`() throws {
        var world = Self.world(dependents: [.service("db")])
        try Self.begin(&world)
        world.killed("db.service", "db-1")
        #expect(world.saved.components["db"]?.incident?.drill == nil)
    }

    @Test func `somebody who stops the unit ends the drill`() throws {
        var world = Self.world()
        world.finish(try Self.begin(&world, .hang))
        let stopped = world.stopped("web.service", "web-1", byOther: true)
        #expect(Self.ends(stopped) == [.interrupted] && stopped.actions.isEmpty)
    }

    @Test func `a policy without the component ends the drill, and a stopped process goes on`() throws {
        var world = Self.world()
        world.finish(try Self.begin(&world, .hang))
        let effects = world.send(.policyLoaded(PolicySnapshot(components: [.service("db")]), generation: 2))
        let back = try #require(effects.actions.first)
        #expect(back.drill == .takeBack(.hang))
        #expect(Self.ends(world.finish(back)) == [.interrupted])
    }

    @Test func `an answer to the signal that comes after the end changes nothing, and is waited for`() throws {
        var world = Self.world()
        let request = try Self.begin(&world)
        let repair = try #require(world.killed("web.service", "web-1").actions.first)
        world.running("web.service", "web-2")
        world.finish(repair)
        #expect(Self.ends(world.advance(by: 60) { _ in .up }) == [.healed])
        world.advance(by: 120) { _ in .up }
        #expect(DrillSafetyTests.obstacles(world) == [.drillUnderWay])
        #expect(self.restored(world).effects.contains(.reconcile(request)))
        let late = world.finish(request, .refused)
        #expect(Self.ends(late).isEmpty && late.records.count == 1)
        #expect(DrillSafetyTests.obstacles(world).isEmpty)
    }

    @Test func `what failed with something that it needs is no blindness`() throws {
        var web = Component.service("web", dependsOn: ["db"])
        web.checks.append(DrillSafetyTests.tcp)
        var world = DrillSafetyTests.world([.service("db"), web])
        world.finish(try Self.begin(&world))
        world.killed("db.service", "db-1")
        world.killed("web.service", "web-1")
        #expect(world.saved.components["web"]?.incident?.drill == nil)
        let end = world.advance(by: 120) { _ in .up }
        #expect(Self.ends(end) == [.interrupted])
    }

    // MARK: - Over a restart of heald

    @Test func `after a crash in the middle of the signal it is not sent again`() throws {
        var world = Self.world()
        let request = try Self.begin(&world)
        var next = self.restored(world)
        #expect(next.effects.contains(.reconcile(request)))
        #expect(next.effects.actions.isEmpty)
        next.finish(request, .interrupted)
        let opened = next.killed("web.service", "web-1")
        #expect(opened.openings.count == 1)
        #expect(next.saved.components["web"]?.incident?.drill?.id == request.id)
        let repair = try #require(opened.actions.first)
        next.running("web.service", "web-2")
        next.finish(repair)
        #expect(Self.ends(next.advance(by: 60) { _ in .up }) == [.healed])
    }

    @Test func `where the signal was perhaps never sent, another death is no drill's, and no failure an interruption`()
        throws
    {
        var world = Self.world()
        let request = try Self.begin(&world)
        var next = self.restored(world)
        next.finish(request, .interrupted)
        next.running("web.service", "web-1")
        next.killed("web.service", "web-1", result: "exit-code", status: 1)
        #expect(next.saved.components["web"]?.incident?.drill == nil)

        var quiet = self.restored(world)
        quiet.finish(request, .interrupted)
        quiet.running("web.service", "web-1")
        #expect(Self.ends(quiet.advance(by: 120) { _ in .up }) == [.interrupted])
    }

    @Test func `a hung process goes on at the limit also after a restart of heald`() throws {
        var world = Self.world()
        world.finish(try Self.begin(&world, .hang))
        world.advance(by: 5) { _ in .up }
        var next = self.restored(world)
        #expect(next.effects.actions.isEmpty)
        next.running("web.service", "web-1")
        let limit = try #require(next.engine.drill.map { $0.until - $0.begunAt })
        let effects = next.advance(by: limit.inSeconds) { _ in .up }
        #expect(effects.actions.map(\.drill) == [.takeBack(.hang)])
    }

    @Test func `after a crash while it is taken back, that is found out`() throws {
        var world = Self.world()
        world.finish(try Self.begin(&world, .hang))
        let back = try #require(world.advance(by: 600) { _ in .up }.actions.first)
        var next = self.restored(world)
        #expect(next.effects.contains(.reconcile(back)))
        next.running("web.service", "web-1")
        #expect(next.effects.actions.isEmpty)
        #expect(Self.ends(next.finish(back)) == [.notNoticed])
    }

    @Test func `a drill that is over stays in view and stands in nobody's way`() throws {
        var world = Self.world()
        try world.finish(Self.begin(&world), .refused)
        let next = self.restored(world)
        #expect(next.engine.drill?.outcome == .notInjected)
        world.advance(by: 60) { _ in .up }
        #expect(DrillSafetyTests.obstacles(world).isEmpty)
    }
}
