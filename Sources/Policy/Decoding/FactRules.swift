/// What must hold between a component's unit, its facts and its ladder.
struct FactRules {
    let node: JSONNode
    let draft: ComponentDraft
    let ladder: [Step]

    func report(_ context: inout DecodingContext) {
        self.reportFailover(&context)
        self.reportScale(&context)
        self.reportCache(&context)
    }

    private func reportFailover(_ context: inout DecodingContext) {
        guard let failover = self.draft.facts.failover, let node = self.node["failover"] else { return }
        guard let unit = self.draft.unit else {
            context.report(at: node.offset, .semantic, "a failover needs the component's \"unit\", and it has none")
            return
        }
        var seen: Set<String> = [unit]
        for item in node["standbys"]?.items ?? [] {
            guard let standby = item.string, !seen.insert(standby).inserted else { continue }
            context.report(
                at: item.offset, .semantic,
                standby == unit
                    ? "\(unit) is the component's own unit; a standby is another one"
                    : "\(standby) is named twice")
        }
        let switches = self.ladder.contains { $0.strategy.action == "SWITCH_ENDPOINT" }
        guard let endpoint = failover.endpoint else {
            if switches {
                context.report(
                    at: node.offset, .semantic,
                    "SWITCH_ENDPOINT can never run: the failover has no \"endpoint\"")
            }
            return
        }
        let written = node["endpoint"]?["symlink"]?["targets"] ?? node["endpoint"]?["file"]?["templates"]
        // An entry that is wrong in itself has been reported already.
        guard let written, written.members?.count == endpoint.units.count, endpoint.units.count > 1 else { return }
        let missing = seen.subtracting(endpoint.units).sorted()
        let unknown = endpoint.units.subtracting(seen).sorted()
        let offset = written.offset
        if let first = missing.first {
            context.report(at: offset, .semantic, "the endpoint does not say what \(first) needs")
        }
        if let first = unknown.first {
            context.report(at: offset, .semantic, "the endpoint names \(first), which is no unit of this component")
        }
    }

    private func reportScale(_ context: inout DecodingContext) {
        guard let scale = self.draft.facts.scale, let node = self.node["scale"] else { return }
        if let on = scale.on, let written = node["on"] {
            on.reportMisfit(in: written, among: self.draft.checks, &context)
        }
        switch scale.kind {
        case .properties:
            if self.draft.unit == nil {
                context.report(
                    at: node.offset, .semantic, "properties are set on the component's \"unit\", and it has none")
            }
        case .instances(let template, _, let max, _):
            guard let unit = self.draft.unit, unit.prefix(while: { $0 != "@" }) == template.prefix(while: { $0 != "@" })
            else { return }
            if !(1...max).contains(where: { ScalePolicy.instance($0, of: template) == unit }), unit.contains("@") {
                context.report(
                    at: node.offset, .semantic,
                    "\(unit) is an instance of \(template) that is not counted: instances are numbered 1 to \(max)")
            }
        }
    }

    private func reportCache(_ context: inout DecodingContext) {
        guard let cache = self.draft.facts.cache, let node = self.node["cache"], cache.systemd,
            let unit = self.draft.unit, !unit.hasSuffix(".service")
        else { return }
        context.report(at: node.offset, .semantic, "only services have a `CacheDirectory=`; \(unit) is none")
    }
}
