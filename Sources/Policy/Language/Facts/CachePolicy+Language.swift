extension CachePolicy {
    private struct Draft: Sendable {
        var cache = CachePolicy()
        var roots: [String] = []
    }

    static let type = ValueType<Draft>.object(
        ObjectSpec(
            "cache", title: "a cache", initial: Draft(),
            [
                Key(
                    "systemd", \.cache.systemd, .boolean,
                    "The unit's own `CacheDirectory=`, emptied by systemd while the unit is stopped."),
                Key(
                    "paths", \.cache.paths, .list(of: .path, count: 1...20), default: "none",
                    "Directories whose content is deleted while the unit is stopped; they themselves stay. Links and "
                        + "other file systems in them are never followed."),
                Key(
                    "roots", \.roots, .list(of: .path, count: 1...20),
                    default: "`/run`, `/tmp`, `/var/cache`, `/var/tmp`",
                    "Further directories below which `paths` may lie."),
                Key(
                    "hook", \.cache.hook, .command, default: "none",
                    "A program that clears the cache, run as EXEC runs one; by itself it needs no stop of the unit."),
            ])
    ).map { draft, node, context -> CachePolicy? in
        guard draft.cache.needsStop || !draft.cache.hook.isEmpty else {
            // What is there and wrong has been reported already.
            if node["paths"] == nil, node["hook"] == nil, node["systemd"].map({ $0.value == .bool(false) }) ?? true {
                context.report(
                    at: node.offset, .semantic,
                    "there is nothing to clear; give \"systemd\": true, \"paths\" or a \"hook\"")
            }
            return nil
        }
        let refused = reportRoots(draft.roots, node, &context) || reportPaths(draft, node, &context)
        return refused ? nil : draft.cache
    }

    private static func reportRoots(_ roots: [String], _ node: JSONNode, _ context: inout DecodingContext) -> Bool {
        var isRefused = false
        for item in node["roots"]?.items ?? [] {
            guard let root = item.string, roots.contains(root), let why = CacheLimits.problem(withRoot: root) else {
                continue
            }
            isRefused = true
            context.report(at: item.offset, .semantic, "nothing below \(quoted(root)) may be deleted: \(why)")
        }
        return isRefused
    }

    private static func reportPaths(_ draft: Draft, _ node: JSONNode, _ context: inout DecodingContext) -> Bool {
        var isRefused = false
        for item in node["paths"]?.items ?? [] {
            guard let path = item.string, draft.cache.paths.contains(path),
                let why = CacheLimits.problem(withPath: path, roots: roots + draft.roots)
            else { continue }
            isRefused = true
            context.report(at: item.offset, .semantic, "\(quoted(path)) is not cleared: \(why)")
        }
        return isRefused
    }
}

/// What a policy may have deleted.
enum CacheLimits {
    /// Directories that belong to the system or to people: not even a policy makes them roots.
    private static let forbidden: Set<String> = [
        "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/media", "/mnt", "/opt", "/proc",
        "/root", "/run/heald", "/run/systemd", "/sbin", "/srv", "/sys", "/usr", "/var", "/var/lib", "/var/lib/heald",
        "/var/log", "/var/mail", "/var/spool",
    ]
    private static let forbiddenTrees = [
        "/bin/", "/boot/", "/dev/", "/etc/", "/lib/", "/lib32/", "/lib64/", "/proc/", "/root/", "/run/heald/",
        "/run/systemd/", "/sbin/", "/sys/", "/usr/", "/var/lib/heald/", "/var/log/journal/",
    ]

    static func problem(withRoot root: String) -> String? {
        if let why = self.shape(root) { return why }
        return self.protection(root)
    }

    static func problem(withPath path: String, roots: [String]) -> String? {
        if let why = self.shape(path) ?? self.protection(path) { return why }
        guard roots.contains(where: { path.hasPrefix($0 + "/") }) else {
            return "it lies below none of \(roots.joined(separator: ", ")); name a directory above it in \"roots\""
        }
        return nil
    }

    private static func shape(_ path: String) -> String? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let isPlain = !parts.contains { $0.isEmpty || $0 == "." || $0 == ".." }
        return isPlain || path == "/" ? nil : "write it without \"//\", \".\", \"..\" and a \"/\" at the end"
    }

    private static func protection(_ path: String) -> String? {
        let isProtected = self.forbidden.contains(path) || self.forbiddenTrees.contains { path.hasPrefix($0) }
        return isProtected ? "it belongs to the system or to several programs" : nil
    }
}
