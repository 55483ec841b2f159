extension ResourcesCheck {
    static let variant = Variant<CheckKind>(
        "resources",
        keys: ObjectSpec(
            "check-resources", title: "a resources check", initial: ResourcesCheck(unit: ""),
            [
                Key("memory", optional: \.memory, .size(atLeast: 1), "Their memory is at most this."),
                Key(
                    "cpu", optional: \.cpu, .cores,
                    "They use at most this share of one core between two runs of the check; `\"200%\"` is two cores."),
                Key("tasks", optional: \.tasks, .wholeNumber(1...4_194_304), "Processes and threads together."),
                Key(
                    "openFiles", optional: \.openFiles, .wholeNumber(1...1_000_000_000),
                    "Open descriptors of all processes together."),
            ])
    ) { check, node, context in
        let limits = ["memory", "cpu", "tasks", "openFiles"]
        guard limits.contains(where: { node[$0] != nil }) else {
            context.report(
                at: node.offset, .semantic,
                "a resources check needs at least one of \(limits.map { quoted($0) }.joined(separator: ", "))")
            return nil
        }
        return .resources(check)
    }
}

extension ValueType where Value == Double {
    /// A share of one core: more than a whole one is possible.
    fileprivate static let cores = ValueType(
        shape: .text(
            TextShape(pattern: "^(?!0+([.]0+)?%)[0-9]{1,5}([.][0-9]{1,2})?%$", length: 2...9, name: "share of one core")
        ),
        read: { node, context in
            let text = node.string ?? ""
            let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
            guard text.hasSuffix("%"), (1...2).contains(parts.count), (1...5).contains(parts[0].utf8.count),
                parts.count == 1 || (1...2).contains(parts[1].utf8.count),
                parts.allSatisfy({ $0.utf8.allSatisfy(isDigit) }), let percent = Double(text.dropLast()), percent > 0
            else {
                context.report(node, expected: "a share of one core such as \"80%\" or \"250%\"")
                return nil
            }
            return percent / 100
        }, show: { _ in nil })
}
