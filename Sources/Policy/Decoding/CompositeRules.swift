/// What must hold of the composite checks of a component together, once each is well formed.
enum CompositeRules {
    /// - Parameter isSound: nothing is wrong with the component so far, so that no check is missing among them.
    static func report(_ node: JSONNode, checks: [Check], isSound: Bool, _ context: inout DecodingContext) {
        guard checks.contains(where: { !$0.members.isEmpty }) else { return }
        self.reportCycles(node, checks, &context)
        if isSound { self.reportDisabled(node, checks, &context) }
    }

    /// A step that waits for a check which never decides.
    static func reportConditions(
        _ items: [LadderItem], isOwn: Bool, fallback: Place, checks: [Check], _ context: inout DecodingContext
    ) {
        for item in items {
            for name in item.steps.flatMap({ $0.when.checks ?? [] }) {
                guard let composite = checks.first(where: { $0.members.contains(name) }) else { continue }
                context.report(
                    at: (isOwn ? item.place : fallback).offset, .semantic,
                    "the step asks for the check \(quoted(name)), which counts only through \(quoted(composite.name)); "
                        + "ask for that one", severity: .warning)
            }
        }
    }

    private static func reportCycles(_ node: JSONNode, _ checks: [Check], _ context: inout DecodingContext) {
        var graph = DependencyGraph()
        for check in checks {
            for item in self.items(of: check, node) {
                guard let name = item.string, check.members.contains(name) else { continue }
                graph.add(from: check.name, to: name, at: Place(file: context.file, offset: item.offset))
            }
        }
        for cycle in graph.cycles() {
            context.report(
                at: cycle.place.offset, .semantic,
                cycle.names.count == 2
                    ? "the composite check is a member of itself"
                    : "cycle of composite checks: \(cycle.names.joined(separator: " → "))")
        }
    }

    /// A rule that its enabled members can never meet.
    private static func reportDisabled(_ node: JSONNode, _ checks: [Check], _ context: inout DecodingContext) {
        let enabled = Set(checks.lazy.filter(\.enabled).map(\.name))
        for check in checks where check.enabled {
            guard case .composite(let composite) = check.kind else { continue }
            let left = composite.members.count(where: enabled.contains)
            guard left == 0 || composite.needed(of: left) > left else { continue }
            context.report(
                at: (node["checks"]?[check.name] ?? node).offset, .semantic,
                "the rule can never pass: \(left) of its \(composite.members.count) members are enabled")
        }
    }

    private static func items(of check: Check, _ node: JSONNode) -> [JSONNode] {
        guard let own = node["checks"]?[check.name] else { return [] }
        return (own["all"] ?? own["any"] ?? own["atLeast"]?["of"])?.items ?? []
    }
}
