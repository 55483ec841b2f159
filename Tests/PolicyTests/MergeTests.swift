import Testing

@testable import Policy

/// Several files as one policy.
@Suite struct MergeTests {
    private func problems(_ files: [(String, String)]) -> [String] {
        PolicyDecoder.decode(files.map { ($0.0, Array($0.1.utf8)) }).diagnostics.map(\.description)
    }

    private let tcp = #"{"t": {"type": "tcp", "host": "a", "port": 1}}"#

    @Test func `files see what the others declare, whatever their order`() throws {
        let files = [
            (
                "a.json",
                #"{"version": 1, "components": {"a": {"dependsOn": ["b"], "checks": \#(tcp), "recovery": ["page"]}}}"#
            ),
            ("b.json", #"{"version": 1, "components": {"b": {"checks": \#(tcp)}}}"#),
            ("c.json", #"{"version": 1, "strategies": {"page": {"action": "ALERT", "channels": ["hook"]}}}"#),
            (
                "d.json",
                #"{"version": 1, "channels": {"hook": {"type": "journal"}}, "defaults": {"component": {"stable": "7s"}}}"#
            ),
        ]
        #expect(problems(files) == [])
        let snapshot = try PolicyLoader.load(texts: files.map { (name: $0.0, text: $0.1) }).snapshot
        #expect(snapshot.components.map(\.name) == ["a", "b"])
        #expect(snapshot.components.map(\.stable) == [.seconds(7), .seconds(7)])
        let reversed = try PolicyLoader.load(texts: files.reversed().map { (name: $0.0, text: $0.1) }).snapshot
        #expect(reversed == snapshot)
    }

    @Test func `a name in two files is an error that names both places`() {
        let text =
            #"{"version": 1, "components": {"a": {"checks": \#(tcp)}}, "strategies": {"s": {"action": "ALERT"}}, "channels": {"c": {"type": "journal"}}}"#
        #expect(
            problems([("a.json", text), ("b.json", text)]) == [
                #"b.json:1:31: $.components.a: the component "a" is already declared at a.json:1:31; rename or remove one"#,
                #"b.json:1:112: $.strategies.s: the strategy "s" is already declared at a.json:1:112; rename or remove one"#,
                #"b.json:1:152: $.channels.c: the channel "c" is already declared at a.json:1:152; rename or remove one"#,
            ])
    }

    @Test func `a key of defaults and guards is set once in all files`() {
        let one = #"{"version": 1, "defaults": {"check": {"interval": "1s"}}, "guards": {"maxConcurrent": 1}}"#
        let two = #"{"version": 1, "defaults": {"check": {"fall": 2}}, "guards": {"maxUnhealthy": "50%"}}"#
        #expect(problems([("a.json", one), ("b.json", two)]) == [])
        #expect(
            problems([("a.json", one), ("b.json", one)]) == [
                "b.json:1:39: $.defaults.check.interval: defaults.check.interval is already set at a.json:1:39 and holds for all files; remove one",
                "b.json:1:70: $.guards.maxConcurrent: guards.maxConcurrent is already set at a.json:1:70 and holds for all files; remove one",
            ])
    }

    @Test func `one unit has one component`() {
        let one = #"{"version": 1, "components": {"a": {"unit": "x.service", "checks": {"u": {"type": "unit"}}}}}"#
        let two = #"{"version": 1, "components": {"b": {"unit": "x.service", "checks": {"u": {"type": "unit"}}}}}"#
        #expect(
            problems([("a.json", one), ("b.json", two)]) == [
                "b.json:1:45: $.components.b.unit: the unit x.service already belongs to the component at a.json:1:45; a unit has one component, so that no two repairs of it run at once"
            ])
    }

    @Test func `a cycle is named, across files`() {
        func text(_ name: String, _ needed: String) -> String {
            #"{"version": 1, "components": {"\#(name)": {"dependsOn": ["\#(needed)"], "checks": \#(tcp)}}}"#
        }
        #expect(
            problems([("a.json", text("a", "b")), ("b.json", text("b", "c")), ("c.json", text("c", "a"))]) == [
                "c.json:1:51: $.components.c.dependsOn[0]: dependency cycle: a → b → c → a"
            ])
    }

    @Test func `a strategy is checked against each component that uses it`() {
        let text = """
            {"version": 1, "strategies": {"s": {"action": "ALERT", "when": {"check": "http"}}, "h": {"action": "HEALTH_CHECK", "checks": "x"}},
            "components": {"a": {"checks": {"http": {"type": "http", "url": "http://a"}}, "recovery": ["s"]},
            "b": {"checks": {"tcp": {"type": "tcp", "host": "a", "port": 1}}, "recovery": ["s", "h"]}}}
            """
        #expect(
            problems([("a.json", text)]) == [
                #"a.json:3:80: $.components.b.recovery[0]: the strategy "s" names the check "http", which the component does not have"#,
                #"a.json:3:85: $.components.b.recovery[1]: the strategy "h" names the check "x", which the component does not have"#,
            ])
    }

    @Test func `an error in one file does not hide those of others, and they come in order`() {
        #expect(
            problems([
                ("b.json", "{"),
                ("a.json", #"{"version": 1, "components": {"a": {"dependsOn": ["zz", "yy"], "checks": \#(tcp)}}}"#),
            ]) == [
                #"a.json:1:51: $.components.a.dependsOn[0]: no component "zz" is declared"#,
                #"a.json:1:57: $.components.a.dependsOn[1]: no component "yy" is declared"#,
                "b.json:1:2: $: got the end of the text; expected a key in double quotes",
            ])
    }

    @Test func `what uses a broken declaration is not reported again`() {
        let text =
            #"{"version": 1, "components": {"a": {"checks": \#(tcp), "recovery": ["s"]}}, "strategies": {"s": {"action": "ALERTT"}}}"#
        #expect(problems([("a.json", text)]).count == 1)
    }
}
