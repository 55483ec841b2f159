import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// Which releases are good, and the way back to one.
@Suite struct ReleaseTests {
    private static let policy = ReleasePolicy(
        current: "/srv/app/current", releases: "/srv/app/releases", goodAfter: .seconds(60))
    private static let rollback = Step(strategy: .rollback(RollbackStrategy()), verify: .seconds(5))

    private static func component(_ recovery: [Step]) -> Component {
        Component(
            name: "app", unit: "app.service", stable: .seconds(2),
            checks: [Check(name: "unit", kind: .unit(UnitCheck()))],
            recovery: recovery, facts: ComponentFacts(release: Self.policy))
    }

    /// What lies on the disk.
    private struct Disk {
        var current: String
        var changedAt: WallTime
        var available = ["v1", "v2", "v3"]
        var observation: ReleaseObservation {
            ReleaseObservation(current: self.current, changedAt: self.changedAt, available: self.available)
        }
    }

    /// Lets time pass and answers each look at the disk.
    @discardableResult
    private static func pass(_ world: inout EngineHarness, _ disk: Disk, by seconds: Double = 0) -> [Effect] {
        var all: [Effect] = []
        for _ in 0..<max(1, Int(seconds)) {
            all += world.advance(by: seconds == 0 ? 0 : 1)
            all += Self.answer(&world, disk)
        }
        return all
    }

    private static func answer(_ world: inout EngineHarness, _ disk: Disk) -> [Effect] {
        var all: [Effect] = []
        var asked = world.effects.looksAtReleases - world.answered
        while asked > 0 {
            world.answered += asked
            all += world.send(.releaseSeen(component: "app", disk.observation))
            asked = world.effects.looksAtReleases - world.answered
        }
        return all
    }

    /// v1 has been up for long enough; v2 was put in place and started just now.
    private static func upgraded(_ recovery: [Step]) -> (EngineHarness, Disk) {
        var world = EngineHarness([Self.component(recovery)])
        var disk = Disk(current: "v1", changedAt: world.now.wall)
        world.running("app.service", "a")
        Self.pass(&world, disk, by: 70)
        disk.current = "v2"
        disk.changedAt = world.now.wall
        world.running("app.service", "b")
        Self.pass(&world, disk, by: 5)
        return (world, disk)
    }

    private static func order(_ request: ActionRequest?) -> ReleaseSwitch? {
        if case .switchRelease(let order) = request?.order { order } else { nil }
    }

    @Test func `a release that fails soon after it came goes back to the good one, and is bad from then on`() throws {
        var (world, disk) = Self.upgraded([Self.rollback, .page])
        world.killed("app.service", "b")
        let request = try #require(Self.answer(&world, disk).actions.first)
        #expect(Self.order(request) == ReleaseSwitch(policy: Self.policy, from: "v2", to: "v1"))
        disk.current = "v1"
        disk.changedAt = world.now.wall
        world.finish(request)
        world.running("app.service", "c")
        #expect(Self.pass(&world, disk, by: 5).resolutions == [.heald])
        #expect(world.effects.notes.contains("release v2 is known as bad"))
        let saved = try #require(world.effects.saved["app"]?.facts)
        #expect(saved.badReleases == ["v2"] && saved.goodReleases.keys.contains("v1"))
    }

    @Test func `a release that was never up for long enough is nothing to go back to`() throws {
        var world = EngineHarness([Self.component([Self.rollback, .page])])
        var disk = Disk(current: "v1", changedAt: world.now.wall)
        world.running("app.service", "a")
        Self.pass(&world, disk, by: 30)
        disk.current = "v2"
        disk.changedAt = world.now.wall
        world.running("app.service", "b")
        Self.pass(&world, disk, by: 5)
        world.killed("app.service", "b")
        let effects = Self.answer(&world, disk)
        #expect(effects.actions.isEmpty)
        #expect(world.effects.skips.first == "ROLLBACK: no release but v2 is known as good")
    }

    @Test func `what fails long after the change is not the release's doing`() throws {
        var (world, disk) = Self.upgraded([Self.rollback, .page])
        world.seconds += 7_000
        world.killed("app.service", "b")
        #expect(Self.answer(&world, disk).actions.isEmpty)
        #expect(world.effects.skips.first?.contains("it is not the cause") == true, "\(world.effects.skips)")
    }

    @Test func `a release that was put in place after the failure is not its cause`() throws {
        var (world, disk) = Self.upgraded([Self.rollback, .page])
        world.killed("app.service", "b")
        disk.current = "v3"
        disk.changedAt = world.now.wall + .seconds(1)
        #expect(Self.answer(&world, disk).actions.isEmpty)
        #expect(world.effects.skips.first?.contains("after the failure began") == true, "\(world.effects.skips)")
    }

    @Test func `a rollback that does not help is put back before the ladder goes on`() throws {
        var (world, disk) = Self.upgraded([Self.rollback, .restart(.limited(1)), .page])
        world.killed("app.service", "b")
        let request = try #require(Self.answer(&world, disk).actions.first)
        disk.current = "v1"
        world.finish(request)
        world.running("app.service", "c")
        let undo = try #require(world.killed("app.service", "c").actions.first)
        #expect(
            Self.order(undo) == ReleaseSwitch(policy: Self.policy, from: "v1", to: "v2", isPutBack: true))
        disk.current = "v2"
        let next = world.finish(undo).actions + Self.pass(&world, disk, by: 5).actions
        #expect(next.map(\.action) == ["RESTART"])
        #expect(!world.effects.notes.contains { $0.contains("known as bad") })
    }

    @Test func `after one good release did not help, the one before is tried, and none twice`() throws {
        // v1 and v2 are good, v3 is new.
        let twice = Step(strategy: .rollback(RollbackStrategy()), attempts: .limited(3), verify: .seconds(5))
        var (world, disk) = Self.upgraded([twice, .page])
        Self.pass(&world, disk, by: 70)
        disk.current = "v3"
        disk.changedAt = world.now.wall
        world.running("app.service", "c")
        Self.pass(&world, disk, by: 5)
        world.killed("app.service", "c")
        var request = try #require(Self.answer(&world, disk).actions.first)
        for target in ["v2", "v1"] {
            #expect(Self.order(request)?.from == "v3" && Self.order(request)?.to == target)
            disk.current = target
            disk.changedAt = world.now.wall
            world.finish(request)
            world.running("app.service", "of \(target)")
            let undo = try #require(world.killed("app.service", "of \(target)").actions.first)
            #expect(Self.order(undo)?.isPutBack == true)
            disk.current = "v3"
            disk.changedAt = world.now.wall
            let next = world.finish(undo).actions + Self.pass(&world, disk, by: 30).actions
            guard target == "v2" else {
                #expect(next.isEmpty)
                break
            }
            request = try #require(next.first)
        }
        #expect(world.effects.skips == ["ROLLBACK: no release but v3, v2, v1 is known as good"])
    }

    @Test func `what has to be put back is put back by the next run too`() throws {
        var (world, disk) = Self.upgraded([Self.rollback, .page])
        world.killed("app.service", "b")
        let request = try #require(Self.answer(&world, disk).actions.first)
        world.send(.recordingFailed(why: nil))
        world.finish(request)
        world.running("app.service", "c")
        world.killed("app.service", "c")
        // The intent of the way back is on the disk, what became of it is not.
        var saved = try #require(world.effects.saved["app"])
        let interrupted = try #require(saved.inFlight)
        #expect(Self.order(interrupted)?.isPutBack == true)
        saved.inFlight = nil
        saved.facts?.pendingUndo = PendingUndo(
            action: "ROLLBACK", attempt: 1, order: try #require(interrupted.order), why: "did not help")
        var next = EngineHarness(
            [Self.component([Self.rollback, .page])], restored: RestoredState(components: ["app": saved]))
        let undo = next.killed("app.service", "c").actions + next.advance(by: 5).actions
        #expect(Self.order(undo.first)?.isPutBack == true)
    }

    @Test func `a look that found no release is a reason to go on without`() throws {
        var world = EngineHarness([Self.component([Self.rollback, .page])])
        world.running("app.service", "a")
        world.advance(by: 5)
        world.killed("app.service", "a")
        let effects = world.send(
            .releaseSeen(component: "app", ReleaseObservation(problem: "/srv/app/current is no link")))
        #expect(effects.actions.isEmpty)
        #expect(world.effects.skips.first == "ROLLBACK: /srv/app/current is no link")
    }

    @Test func `a step may ask for a recent release whatever it does`() throws {
        let step = Step.restart(.limited(1), when: Condition(releaseChangedWithin: .seconds(60)))
        var (world, disk) = Self.upgraded([step, .page])
        world.killed("app.service", "b")
        #expect(Self.answer(&world, disk).actions.map(\.action) == ["RESTART"])
        var (old, oldDisk) = Self.upgraded([step, .page])
        old.seconds += 100
        old.killed("app.service", "b")
        #expect(Self.answer(&old, oldDisk).actions.isEmpty)
        #expect(old.effects.skips.count == 1)
        oldDisk.current = "v1"
    }
}
