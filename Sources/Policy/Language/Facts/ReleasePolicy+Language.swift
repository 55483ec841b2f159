import ResilienceCore

extension ReleasePolicy {
    static let type = ValueType<ReleasePolicy>.object(
        ObjectSpec(
            "release", title: "a release", initial: ReleasePolicy(current: "", releases: ""),
            [
                Key("current", \.current, .path, required: true, "The symlink that says which release runs."),
                Key(
                    "releases", \.releases, .path, required: true,
                    "The directory in which each release has a directory of its own."),
                Key(
                    "goodAfter", \.goodAfter, .duration(.seconds(1)...(.seconds(30 * 86_400))),
                    "How long a release has to be up to be known as good; only such a one is ever rolled back to."),
            ])
    ).map { policy, node, context -> ReleasePolicy? in
        for (key, path) in [("current", policy.current), ("releases", policy.releases)] {
            let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
            guard path == "/" || parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else { continue }
            context.report(
                at: (node[key] ?? node).offset, .semantic,
                "write the path without \"//\", \".\", \"..\" and a \"/\" at the end; the root is none")
            return nil
        }
        guard policy.current != policy.releases else {
            context.report(at: node.offset, .semantic, "\"current\" and \"releases\" are the same path")
            return nil
        }
        return policy
    }
}
