import Policy
import ResilienceCore
import Testing

/// What heald's environment puts in the place of defaults.
@Suite struct OverrideTests {
    private static let text = """
        { "version": 1,
          "defaults": { "step": { "timeout": "40s" }, "component": { "breaker": { "failures": 7, "window": "2m" } } },
          "components": {
            "plain": { "unit": "plain.service", "checks": { "u": { "type": "unit" } } },
            "own": { "unit": "own.service", "mode": "auto", "checks": { "u": { "type": "unit" } },
              "breaker": { "failures": 9 },
              "recovery": [ { "action": "RESTART", "attempts": 5, "timeout": "50s" },
                { "action": "RESET_CONNECTION" }, { "action": "RESTART" } ] } } }
        """

    private static func load(_ environment: [String: String]) throws -> PolicySnapshot {
        try PolicyLoader.load(
            texts: [("p.json", Self.text)], overrides: try PolicyOverrides(environment: environment)
        ).snapshot
    }

    private static func component(_ name: String, _ policy: PolicySnapshot) throws -> Component {
        try #require(policy.components.first { $0.name == name })
    }

    @Test func `nothing set changes nothing`() throws {
        let policy = try Self.load([:])
        let plain = try Self.component("plain", policy)
        #expect(plain.breaker.failures == 7 && plain.mode == .auto)
        #expect(plain.recovery[0].attempts == .limited(3) && plain.recovery[0].timeout == .seconds(40))
        #expect(try PolicyOverrides(environment: ["HEALD_ENABLED": "on"]).inForce.isEmpty)
    }

    @Test func `defaults give way, what a component says stays`() throws {
        let policy = try Self.load([
            "HEALD_BREAKER_FAILURES": "2", "HEALD_MAX_ATTEMPTS": "6", "HEALD_RECOVERY_TIMEOUT": "1m",
        ])
        let plain = try Self.component("plain", policy)
        #expect(plain.breaker.failures == 2 && plain.breaker.window == .seconds(120))
        #expect(plain.recovery[0].attempts == .limited(6) && plain.recovery[0].timeout == .seconds(60))
        #expect(plain.recovery[1].attempts == .limited(1), "an ALERT is done once")
        let own = try Self.component("own", policy)
        #expect(own.breaker.failures == 9)
        #expect(own.recovery.map(\.attempts) == [.limited(5), .limited(1), .limited(6)])
        #expect(own.recovery.map(\.timeout) == [.seconds(50), .seconds(60), .seconds(60)])
    }

    @Test(arguments: ["false", "0", "OFF", "no"])
    func `switched off, everything is only observed`(text: String) throws {
        let policy = try Self.load(["HEALD_ENABLED": text])
        #expect(policy.components.allSatisfy { $0.mode == .observe })
        #expect(try PolicyOverrides(environment: ["HEALD_ENABLED": text]).inForce == ["HEALD_ENABLED": "false"])
    }

    @Test func `what is in force is told as it would be written`() throws {
        let environment = [
            "HEALD_BREAKER_FAILURES": "2", "HEALD_MAX_ATTEMPTS": "6", "HEALD_RECOVERY_TIMEOUT": "90s",
        ]
        let told = try PolicyOverrides(environment: environment).inForce
        #expect(told == environment.merging(["HEALD_RECOVERY_TIMEOUT": "1m30s"]) { $1 })
    }
}
