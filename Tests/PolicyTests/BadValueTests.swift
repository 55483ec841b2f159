import Foundation
import Testing

@testable import Policy

/// What is said of bad values, word for word, in `Corpus/bad-values.txt`: a line `section: members` is put into the
/// section's place on a line of its own, and the indented lines after it are all diagnostics. `HEALD_REWRITE=1` writes
/// the file anew, to be read with care before it is committed.
@Suite struct BadValueTests {
    static let url = packageRoot.appending(path: "Tests/PolicyTests/Corpus/bad-values.txt")

    struct Case: CustomTestStringConvertible {
        var section: String
        var members: String
        var expected: [String]
        var testDescription: String { "\(self.section): \(self.members)" }
    }

    /// Where the members go, by the name of the object in the language.
    static let templates: [String: (String, String)] = [
        "document": ("", ""),
        "policy": ("{\"version\": 1,", "}"),
        "defaults": ("{\"version\": 1, \"defaults\": {", "}}"),
        "defaults-component": ("{\"version\": 1, \"defaults\": {\"component\": {", "}}}"),
        "defaults-step": ("{\"version\": 1, \"defaults\": {\"step\": {", "}}}"),
        "defaults-check": ("{\"version\": 1, \"defaults\": {\"check\": {", "}}}"),
        "component": inComponent(""),
        "breaker": inComponent(
            "\"unit\": \"a.service\", \"checks\": {\"u\": {\"type\": \"unit\"}}, \"breaker\": {", "}"),
        "cache": inFacts("\"cache\": {", "}"),
        "release": inFacts("\"release\": {", "}"),
        "failover": inFacts("\"failover\": {", "}"),
        "endpoint": inFacts("\"failover\": {\"standbys\": [\"b.service\"], \"endpoint\": {", "}}"),
        "endpoint-symlink": inFacts(
            "\"failover\": {\"standbys\": [\"b.service\"], \"endpoint\": {\"symlink\": {", "}}}"),
        "endpoint-file": inFacts(
            "\"failover\": {\"standbys\": [\"b.service\"], \"endpoint\": {\"file\": {", "}}}"),
        "scale": inFacts("\"scale\": {", "}"),
        "scale-on": inComponent(
            "\"unit\": \"a.service\", \"checks\": {\"u\": {\"type\": \"unit\"}, \"c\": {\"type\": \"tcp\", "
                + "\"host\": \"::1\", \"port\": 1}, \"r\": {\"type\": \"resources\", \"tasks\": 9}}, "
                + "\"scale\": {\"template\": \"b@.service\", \"on\": {", "}}"),
        "unit-properties": inFacts("\"scale\": {\"properties\": {", "}}"),
        "isolate": inFacts("\"isolate\": {", "}"),
        "check-common": inCheck("\"type\": \"tcp\", \"host\": \"::1\", \"port\": 1,"),
        "window": inCheck("\"type\": \"tcp\", \"host\": \"::1\", \"port\": 1, \"window\": {", "}"),
        "check": inCheck(""),
        "check-unit": inCheck("\"type\": \"unit\","),
        "check-http": inCheck("\"type\": \"http\","),
        "expect-http": inCheck("\"type\": \"http\", \"url\": \"http://a\", \"expect\": {", "}"),
        "expect-json": inCheck(
            "\"type\": \"http\", \"url\": \"http://a\", \"expect\": {\"json\": [{", "}]}"),
        "tls": inCheck("\"type\": \"http\", \"url\": \"https://a\", \"tls\": {", "}"),
        "check-tcp": inCheck("\"type\": \"tcp\","),
        "check-exec": inCheck("\"type\": \"exec\","),
        "check-unix": inCheck("\"type\": \"unix\","),
        "check-file": inCheck("\"type\": \"file\","),
        "check-disk": inCheck("\"type\": \"disk\","),
        "check-certificate": inCheck("\"type\": \"certificate\","),
        "check-journal": inCheck("\"type\": \"journal\","),
        "check-heartbeat": inCheck("\"type\": \"heartbeat\","),
        "check-composite": inComponent(
            "\"unit\": \"a.service\", \"checks\": {\"u\": {\"type\": \"unit\"}, \"v\": {\"type\": \"unit\"}, "
                + "\"c\": {\"type\": \"composite\",", "}}"),
        "at-least": inComponent(
            "\"unit\": \"a.service\", \"checks\": {\"u\": {\"type\": \"unit\"}, \"v\": {\"type\": \"unit\"}, "
                + "\"c\": {\"type\": \"composite\", \"atLeast\": {", "}}}"),
        "check-resources": inCheck("\"type\": \"resources\","),
        "step": inStep(""),
        "step-common": inStep("\"action\": \"RESTART\","),
        "step-restart": inStep("\"action\": \"RESTART\","),
        "step-health-check": inStep("\"action\": \"HEALTH_CHECK\","),
        "step-alert": inStep("\"action\": \"ALERT\","),
        "step-reset-connection": inStep("\"action\": \"RESET_CONNECTION\","),
        "step-exec": inStep("\"action\": \"EXEC\","),
        "step-clear-cache": inStep("\"action\": \"CLEAR_CACHE\","),
        "step-rollback": inStep("\"action\": \"ROLLBACK\","),
        "step-failover": inStep("\"action\": \"FAILOVER\","),
        "step-switch-endpoint": inStep("\"action\": \"SWITCH_ENDPOINT\","),
        "step-scale-up": inStep("\"action\": \"SCALE_UP\","),
        "step-scale-down": inStep("\"action\": \"SCALE_DOWN\","),
        "step-circuit-break": inStep("\"action\": \"CIRCUIT_BREAK\","),
        "step-reduce-load": inStep("\"action\": \"REDUCE_LOAD\","),
        "when": inStep("\"action\": \"RESTART\", \"when\": {", "}"),
        "backoff": inStep("\"action\": \"RESTART\", \"backoff\": {", "}"),
        "channel": ("{\"version\": 1, \"channels\": {\"c\": {", "}}}"),
        "channel-common": ("{\"version\": 1, \"channels\": {\"c\": {\"type\": \"journal\",", "}}}"),
        "channel-journal": ("{\"version\": 1, \"channels\": {\"c\": {\"type\": \"journal\",", "}}}"),
        "channel-exec": ("{\"version\": 1, \"channels\": {\"c\": {\"type\": \"exec\",", "}}}"),
        "channel-webhook": ("{\"version\": 1, \"channels\": {\"c\": {\"type\": \"webhook\",", "}}}"),
        "guards": ("{\"version\": 1, \"guards\": {", "}}"),
        "maintenance": (
            "{\"version\": 1, \"components\": {\"a\": {\"unit\": \"a.service\", \"checks\": {\"u\": {\"type\": \"unit\"}}}}, "
                + "\"maintenance\": {", "}}"
        ),
        "maintenance-window": (
            "{\"version\": 1, \"components\": {\"a\": {\"unit\": \"a.service\", \"checks\": {\"u\": {\"type\": \"unit\"}}}}, "
                + "\"maintenance\": {\"windows\": [{", "}]}}"
        ),
        "overload": ("{\"version\": 1, \"guards\": {\"overload\": {", "}}}"),
        "flap": ("{\"version\": 1, \"guards\": {\"flap\": {", "}}}"),
        "connectivity": (
            "{\"version\": 1, \"components\": {\"a\": {\"unit\": \"a.service\", \"checks\": {\"u\": {\"type\": \"unit\"}, "
                + "\"off\": {\"type\": \"tcp\", \"host\": \"::1\", \"port\": 1, \"enabled\": false}, "
                + "\"tcp\": {\"type\": \"tcp\", \"host\": \"::1\", \"port\": 1}}}}, "
                + "\"guards\": {\"connectivity\": {", "}}}"
        ),
        "group": (
            "{\"version\": 1, \"components\": {\"a\": {\"group\": \"g\", \"unit\": \"a.service\", \"checks\": {\"u\": "
                + "{\"type\": \"unit\"}}}}, \"groups\": {\"g\": {", "}}}"
        ),
        "groups": ("{\"version\": 1, \"groups\": {", "}}"),
        "degradation": inDegradation(""),
        "degradation-normal": inDegradation("\"NORMAL\": {", "}"),
        "degradation-level": inDegradation("\"MINIMAL\": {\"enter\": {\"component\": \"db\"},", "}"),
        "degradation-bare": inDegradation("\"MINIMAL\": {", "}"),
        "degradation-enter": inDegradation("\"MINIMAL\": {\"stop\": [\"x.service\"], \"enter\": {", "}}"),
        "error-rate": inDegradation(
            "\"MINIMAL\": {\"stop\": [\"x.service\"], \"enter\": {\"errorRate\": {", "}}}"),
        "p95": inDegradation("\"MINIMAL\": {\"stop\": [\"x.service\"], \"enter\": {\"p95\": {", "}}}"),
        "step-degrade": inStep("\"action\": \"DEGRADE\","),
        "step-degrade-known": (
            "{\"version\": 1, \"components\": {\"a\": {\"unit\": \"a.service\", \"checks\": {\"u\": {\"type\": \"unit\"}}, "
                + "\"recovery\": [{\"action\": \"DEGRADE\",",
            "}]}}, \"degradation\": {\"DEGRADED\": {\"features\": {\"f\": false}}}}"
        ),
        "max-actions": ("{\"version\": 1, \"guards\": {\"maxActions\": {", "}}}"),
    ]

    private static func inDegradation(_ before: String, _ after: String = "") -> (String, String) {
        let unit = "\"checks\": {\"u\": {\"type\": \"unit\"}}"
        let components = [
            "\"db\": {\"unit\": \"db.service\", \"checks\": {\"u\": {\"type\": \"unit\"}, \"tcp\": {\"type\": \"tcp\", "
                + "\"host\": \"::1\", \"port\": 1}, \"off\": {\"type\": \"tcp\", \"host\": \"::1\", \"port\": 1, "
                + "\"enabled\": false}}}",
            "\"web\": {\"unit\": \"web.service\", \"dependsOn\": [\"db\"], \(unit)}",
            "\"seen\": {\"unit\": \"seen.service\", \"mode\": \"observe\", \(unit)}",
            "\"batch\": {\"unit\": \"batch.service\", \(unit)}",
            "\"pair\": {\"unit\": \"pair.service\", \"failover\": {\"standbys\": [\"pair-2.service\"]}, \(unit)}",
            "\"pool\": {\"unit\": \"pool.service\", \"scale\": {\"template\": \"worker@.service\"}, \(unit)}",
            "\"load\": {\"unit\": \"load.service\", \(unit), \"recovery\": [{\"action\": \"REDUCE_LOAD\", \"units\": "
                + "[\"reports.service\"]}]}",
        ]
        return (
            "{\"version\": 1, \"components\": {\(components.joined(separator: ", "))}, \"degradation\": {\(before)",
            "\(after)}}"
        )
    }
    private static func inComponent(_ before: String, _ after: String = "") -> (String, String) {
        ("{\"version\": 1, \"components\": {\"a\": {\(before)", "\(after)}}}")
    }
    private static func inFacts(_ before: String, _ after: String) -> (String, String) {
        inComponent("\"unit\": \"a.service\", \"checks\": {\"u\": {\"type\": \"unit\"}}, \(before)", after)
    }
    private static func inCheck(_ before: String, _ after: String = "") -> (String, String) {
        inComponent("\"unit\": \"a.service\", \"checks\": {\"c\": {\(before)", "\(after)}}")
    }
    private static func inStep(_ before: String, _ after: String = "") -> (String, String) {
        inComponent(
            "\"unit\": \"a.service\", \"checks\": {\"u\": {\"type\": \"unit\"}}, \"recovery\": [{\(before)",
            "\(after)}]")
    }

    static func cases() -> [Case] {
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return [] }
        var cases: [Case] = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("  "), !cases.isEmpty {
                cases[cases.count - 1].expected.append(String(line.dropFirst(2)))
            } else if let colon = line.firstIndex(of: ":"), !line.hasPrefix("#") {
                let members = line[line.index(after: colon)...].drop { $0 == " " }
                cases.append(Case(section: String(line[..<colon]), members: String(members), expected: []))
            }
        }
        return cases
    }

    private static func actual(_ test: Case) -> [String] {
        guard let (before, after) = templates[test.section] else { return ["no such section"] }
        return problems(in: "\(before)\n\(test.members)\n\(after)").map { String($0.dropFirst("p.json:".count)) }
    }

    @Test(arguments: cases())
    func `says what is wrong, where, and what to write instead`(test: Case) {
        #expect(Self.actual(test) == test.expected)
        #expect(!test.expected.isEmpty)
    }

    @Test func `every key has a case of a bad value, and every object one of an unknown key`() throws {
        var objects = [
            PolicyFileLanguage.file, PolicyFileLanguage.defaults, PolicyFileLanguage.defaultsComponent.shape,
            PolicyFileLanguage.defaultsStep.shape, ComponentLanguage.spec.shape, GuardsLanguage.spec.shape,
            GuardsLanguage.group.shape, MaintenanceLanguage.spec.shape, DegradationLanguage.spec.shape,
        ]
        for tagged in [CheckLanguage.spec.shape, StepLanguage.spec.shape, ChannelLanguage.spec.shape] {
            objects += [tagged.common] + tagged.variants.map(\.own)
        }
        var toVisit = objects
        while let object = toVisit.popLast() {
            let inner = Self.inner(object)
            objects += inner
            toVisit += inner
        }
        let cases = Self.cases()
        for object in objects where object.name != "check-common" || !object.title.hasPrefix("defaults") {
            let own = cases.filter { $0.section == object.name }
            for key in object.keys {
                #expect(
                    own.contains { $0.members.hasPrefix("\"\(key.name)\":") },
                    "\(object.name) has no case of \(key.name)")
            }
            #expect(own.contains { $0.expected.contains { $0.contains("unknown key") } }, "\(object.name)")
        }
    }

    /// The objects that an object holds, by themselves or in arrays.
    private static func inner(_ object: ObjectShape) -> [ObjectShape] {
        object.keys.compactMap { key in
            switch key.shape {
            case .object(let shape), .list(.object(let shape), _): shape
            default: nil
            }
        }
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["HEALD_REWRITE"] != nil))
    func `the corpus is written anew`() throws {
        var lines: [String] = []
        let text = try String(contentsOf: Self.url, encoding: .utf8)
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) where !line.hasPrefix("  ") {
            lines.append(String(line))
            if let colon = line.firstIndex(of: ":"), !line.hasPrefix("#") {
                let members = String(line[line.index(after: colon)...].drop { $0 == " " })
                let test = Case(section: String(line[..<colon]), members: members, expected: [])
                lines += Self.actual(test).map { "  " + $0 }
            }
        }
        try lines.joined(separator: "\n").write(to: Self.url, atomically: true, encoding: .utf8)
    }
}
