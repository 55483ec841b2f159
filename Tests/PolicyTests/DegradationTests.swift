import ResilienceCore
import Testing

@testable import Policy

/// What `degradation` means.
@Suite struct DegradationPolicyTests {
    private static let components = """
        "components": {
          "db": { "unit": "db.service", "checks": { "tcp": { "type": "tcp", "host": "::1", "port": 1 } } },
          "batch": { "unit": "batch.service", "checks": { "unit": { "type": "unit" } } } }
        """

    private static func policy(_ degradation: String, overrides: PolicyOverrides = PolicyOverrides()) throws
        -> PolicySnapshot
    {
        let text = "{ \"version\": 1, \(components), \"degradation\": \(degradation) }"
        let (snapshot, diagnostics) = PolicyDecoder.decode([("p.json", Array(text.utf8))], overrides: overrides)
        #expect(diagnostics.filter { $0.severity == .error } == [])
        return try #require(snapshot)
    }

    private static let whole = """
        { "stepUpAfter": "4s",
          "NORMAL": { "features": { "beta": true } },
          "DEGRADED": { "enter": { "unhealthy": "25%", "for": "3s" }, "freeze": ["reports.service"],
                        "features": { "beta": false, "search": true } },
          "EMERGENCY": { "enter": { "component": "db",
                                    "errorRate": { "checks": ["db/tcp"], "above": "12.5%", "within": "5m" },
                                    "p95": { "checks": ["db/tcp"], "above": "250ms" } },
                         "stop": ["mail.service"], "freeze": ["batch.service"], "features": { "search": false } } }
        """

    @Test func `levels are told to channels that ask for it, and to the journal where nobody declares it`() throws {
        func channels(_ text: String) throws -> [String: Channel] {
            let policy = "{ \"version\": 1, \(Self.components), \"channels\": \(text) }"
            let (snapshot, diagnostics) = PolicyDecoder.decode([("p.json", Array(policy.utf8))])
            #expect(diagnostics.filter { $0.severity == .error } == [])
            return try #require(snapshot).channels
        }
        let two = try channels(
            #"{ "a": { "type": "exec", "command": ["/a"] }, "b": { "type": "exec", "command": ["/b"], "on": ["degraded"] } }"#
        )
        #expect(two["a"]?.events.contains(.degraded) == false)
        #expect(two["b"]?.events == [.degraded])
        #expect(two["journal"]?.events == AlertEvent.defaults.union([.degraded]))
        let declared = try channels(#"{ "journal": { "type": "journal" } }"#)
        #expect(declared["journal"]?.events == AlertEvent.defaults)
    }

    @Test func `every key has its meaning`() throws {
        let check = [CheckReference(component: "db", check: "tcp")]
        #expect(
            try Self.policy(Self.whole).degradation
                == DegradationPolicy(
                    levels: [
                        .normal: LevelPolicy(features: ["beta": true]),
                        .degraded: LevelPolicy(
                            enter: LevelCondition(unhealthy: 0.25, for: .seconds(3)), freeze: ["reports.service"],
                            features: ["beta": false, "search": true]),
                        .emergency: LevelPolicy(
                            enter: LevelCondition(
                                errorRate: ErrorRateCondition(checks: check, above: 0.125, within: .seconds(300)),
                                p95: ResponseTimeCondition(
                                    checks: check, above: .milliseconds(250), within: .seconds(60)),
                                components: ["db"]),
                            stop: ["mail.service"], freeze: ["batch.service"], features: ["search": false]),
                    ], stepUpAfter: .seconds(4)))
        #expect(try Self.policy("{}").degradation == DegradationPolicy(stepUpAfter: .seconds(10)))
    }

    @Test func `a deeper level keeps what those above it say`() throws {
        let policy = try #require(try Self.policy(Self.whole).degradation)
        #expect(policy.order == [.normal, .degraded, .emergency])
        #expect(policy.deeper(than: .normal) == .degraded)
        #expect(policy.deeper(than: .degraded) == .emergency)
        #expect(policy.deeper(than: .emergency) == nil)
        #expect(policy.shallower(than: .emergency) == .degraded)
        #expect(policy.features(at: .normal) == ["beta": true])
        #expect(policy.features(at: .degraded) == ["beta": false, "search": true])
        #expect(policy.features(at: .emergency) == ["beta": false, "search": false])
        #expect(policy.units(at: .normal) == [])
        #expect(
            policy.units(at: .emergency) == [
                UnitToShed(unit: "reports.service", level: .degraded, way: .freeze),
                UnitToShed(unit: "batch.service", level: .emergency, way: .freeze),
                UnitToShed(unit: "mail.service", level: .emergency, way: .stop),
            ])
    }

    @Test func `the master switch leaves the levels and takes the hands off the units`() throws {
        let policy = try Self.policy(Self.whole, overrides: PolicyOverrides(isEnabled: false))
        #expect(policy.degradation?.isObserved == true)
        #expect(policy.degradation?.levels.count == 3)
    }

    @Test func `a change of it is told at a reload`() throws {
        let change = PolicyChange(from: try Self.policy("{}"), to: try Self.policy(Self.whole))
        #expect(change.description == "degradation changed")
    }

    @Test func `levels may lie in several files, each in one`() {
        let first =
            "{ \"version\": 1, \(Self.components), \"degradation\": { \"DEGRADED\": { \"features\": { \"a\": true } } } }"
        let second =
            "{ \"version\": 1, \"degradation\": { \"MINIMAL\": { \"enter\": { \"component\": \"db\" }, \"stop\": [\"x.service\"] } } }"
        let both = PolicyDecoder.decode([("a.json", Array(first.utf8)), ("b.json", Array(second.utf8))])
        #expect(both.diagnostics == [])
        #expect(both.snapshot?.degradation?.order == [.normal, .degraded, .minimal])
        let twice = PolicyDecoder.decode([("a.json", Array(first.utf8)), ("b.json", Array(first.utf8.map { $0 }))])
        #expect(twice.diagnostics.contains { $0.message.contains("degradation.DEGRADED is already set at a.json:") })
    }
}
