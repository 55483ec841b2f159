import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@Suite struct DependencyTests {
    @Test func `a failure explained by a dependency is suppressed, the root cause named and nothing done`() throws {
        var world = EngineHarness([
            .service("db"), .service("api", dependsOn: ["db"]), .service("web", dependsOn: ["api"]),
        ])
        for name in ["db", "api", "web"] { world.running("\(name).service", "a") }
        let root = try #require(world.killed("db.service", "a").actions.first)
        let api = world.killed("api.service", "a")
        let web = world.killed("web.service", "a")
        #expect(api.actions.isEmpty && web.actions.isEmpty)
        #expect(web.openings.first?.rootCause == "db")
        #expect(world.state(of: "web") == "suppressed")

        world.running("db.service", "b")
        world.finish(root)
        let after = world.advance(by: 3)
        #expect(after.actions.map(\.component) == ["api"])
        world.running("api.service", "b")
        world.finish(try #require(after.actions.first))
        #expect(world.advance(by: 3).actions.map(\.component) == ["web"])
    }

    @Test func `a dependent that comes back with its dependency is not touched`() throws {
        let ladder = [Step.restart(), .page]
        var api = Component.endpoint("api", dependsOn: ["db"], recovery: ladder)
        api.unit = "api.service"
        var world = EngineHarness([.service("db"), api])
        world.running("db.service", "a")
        world.running("api.service", "a")
        world.advance(by: 30) { _ in .up }
        let root = try #require(world.killed("db.service", "a").actions.first)
        let down = world.advance(by: 15) { _ in .down }
        #expect(down.openings.first?.rootCause == "db")
        #expect(down.actions.isEmpty)
        world.running("db.service", "b")
        world.finish(root)
        let after = world.advance(by: 20) { _ in .up }
        #expect(after.actions.isEmpty)
        #expect(after.resolutions.contains(.dependency))
    }

    @Test func `while a dependency is in doubt its dependents wait`() {
        let ladder = [Step.restart(), .page]
        var api = Component.endpoint("api", dependsOn: ["db"], recovery: ladder)
        api.unit = "api.service"
        let db = Component.endpoint("db", recovery: [.page])
        var world = EngineHarness([db, api])
        world.running("api.service", "a")
        world.advance(by: 30) { _ in .up }
        // The dependency's failures are seen a little later than the dependent's.
        var answers = 0
        let effects = world.advance(by: 20) { request in
            if request.component == "api" { return .down }
            answers += 1
            return answers > 1 ? .down : .up
        }
        #expect(effects.actions.isEmpty)
        #expect(world.state(of: "api") == "suppressed")
    }

    @Test func `many ways to the same dependency cost no more than one`() {
        // Twenty layers of three, each needing all of the layer below: 3^20 paths lead to the bottom.
        var components: [Component] = []
        for layer in 0..<20 {
            for place in 0..<3 {
                let below = layer == 0 ? [] : (0..<3).map { "l\(layer - 1)-\($0)" }
                components.append(.endpoint("l\(layer)-\(place)", dependsOn: below, recovery: [.page]))
            }
        }
        var world = EngineHarness(components)
        world.advance(by: 30) { _ in .up }
        let effects = world.advance(by: 20) { $0.component == "l19-0" ? .down : .up }
        #expect(effects.openings.count == 1)
        #expect(effects.alerts.count == 1)
    }
}
