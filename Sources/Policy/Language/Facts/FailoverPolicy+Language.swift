import ResilienceCore

extension FailoverPolicy {
    static let type = ValueType<FailoverPolicy>.object(
        ObjectSpec(
            "failover", title: "a failover", initial: FailoverPolicy(standbys: []),
            [
                Key(
                    "standbys", \.standbys, .list(of: UnitName.actionable, count: 1...16), required: true,
                    "Units that can take over, in order. One of them or the component's own unit is active at a time."),
                Key("failback", \.failback, .failback, "When the component's own unit takes its place again."),
                Key(
                    "endpoint", optional: \.endpoint, Endpoint.type, default: "none",
                    "What is changed so that clients find the unit that is active."),
            ]))
}

extension ValueType where Value == Failback {
    fileprivate static let failback: ValueType = {
        let time = ValueType<Duration>.duration(.seconds(1)...(.seconds(30 * 86_400)))
        return ValueType(
            shape: .anyOf([.choice(["manual"], unavailable: []), time.shape]),
            read: { node, context in
                if node.string == "manual" { return .manual }
                guard let text = node.string, Duration(policyText: text) != nil else {
                    context.report(node, expected: "\"manual\" or how long the standby has to be up, such as \"1h\"")
                    return nil
                }
                return time.read(node, &context).map { .after($0) }
            },
            show: { failback in
                switch failback {
                case .manual: "\"manual\""
                case .after(let time): "\"\(time.policyText)\""
                }
            })
    }()
}

extension Endpoint {
    private struct Link: Sendable {
        var path = ""
        var targets: [String: String] = [:]
    }
    private struct Draft: Sendable {
        var symlink: Link?
        var file: Link?
        var reload: String?
    }

    static let type = ValueType<Draft>.object(
        ObjectSpec(
            "endpoint", title: "an endpoint", initial: Draft(),
            [
                Key(
                    "symlink", optional: \.symlink, .object(symlink), default: "none",
                    "A link that is pointed elsewhere, atomically."),
                Key(
                    "file", optional: \.file, .object(file), default: "none",
                    "A file that is replaced, atomically, by a copy of another."),
                Key(
                    "reload", optional: \.reload, UnitName.actionable, default: "none",
                    "The unit that reads it, reloaded after the change."),
            ])
    ).map { draft, node, context -> Endpoint? in
        switch (draft.symlink, draft.file) {
        case (let link?, nil):
            return Endpoint(kind: .symlink(path: link.path, targets: link.targets), reload: draft.reload)
        case (nil, let file?):
            return Endpoint(kind: .file(path: file.path, templates: file.targets), reload: draft.reload)
        case (nil, nil), (_?, _?):
            if node["symlink"] == nil && node["file"] == nil || node["symlink"] != nil && node["file"] != nil {
                context.report(at: node.offset, .semantic, "an endpoint is either a \"symlink\" or a \"file\"")
            }
            return nil
        }
    }

    private static let symlink = ObjectSpec(
        "endpoint-symlink", title: "a symlink", initial: Link(),
        [
            Key("path", \.path, .path, required: true, "The link."),
            Key(
                "targets", \.targets, .map(keys: .unit, of: .text(1...4095), count: 2...17), required: true,
                "Where it points while a unit is active, for each unit."),
        ])

    private static let file = ObjectSpec(
        "endpoint-file", title: "a file", initial: Link(),
        [
            Key("path", \.path, .path, required: true, "The file that is replaced."),
            Key(
                "templates", \.targets, .map(keys: .unit, of: .path, count: 2...17), required: true,
                "What is copied to it while a unit is active, for each unit."),
        ])
}
