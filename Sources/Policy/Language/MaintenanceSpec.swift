import ResilienceCore

/// The language of `maintenance`.
enum MaintenanceLanguage {
    struct WindowDraft: Sendable {
        var name = ""
        var components: [String] = []
        var tags: [String] = []
        var calendar: CalendarExpression?
        var duration = Duration.zero
    }

    static let spec = ObjectSpec(
        "maintenance", title: "maintenance", initial: [MaintenanceWindow](),
        [
            Key(
                "windows", \.self, .windows, required: true,
                "Times in which repairs of some components are held back.")
        ])

    static let window = ObjectSpec(
        "maintenance-window", title: "a maintenance window", initial: WindowDraft(),
        [
            Key("name", \.name, .name, required: true, "How it is called in `healctl status` and in the records."),
            Key(
                "components", \.components,
                .list(of: .reference(to: "component", among: \.components), count: 1...1_000),
                default: "–", "The components that it is about."),
            Key(
                "tags", \.tags, .list(of: .tag, count: 1...32), default: "–",
                "It is about every component that has one of these tags, too."),
            Key(
                "calendar", optional: \.calendar, .calendar, required: true,
                "When it begins, as a calendar expression of systemd."),
            Key(
                "for", \.duration, .duration(.seconds(1)...(.seconds(30 * 86_400))), required: true,
                "How long it lasts."),
        ])

    /// Reports windows of one name, and tags that nobody has.
    static func report(_ node: JSONNode, among components: [Component], _ context: inout DecodingContext) {
        var names: Set<String> = []
        for item in node["windows"]?.items ?? [] {
            if let name = item["name"], let text = name.string, !names.insert(text).inserted {
                context.report(at: name.offset, .semantic, "another window is called \(quoted(text)); rename one")
            }
            for tag in item["tags"]?.items ?? [] {
                guard let text = tag.string, !components.contains(where: { $0.tags.contains(text) }) else { continue }
                context.report(
                    at: tag.offset, .semantic, "no component has the tag \(quoted(text))", severity: .warning)
            }
        }
    }
}

extension ValueType where Value == [MaintenanceWindow] {
    fileprivate static let windows: ValueType = {
        let one = ValueType<MaintenanceWindow>(
            shape: .object(MaintenanceLanguage.window.shape),
            read: { node, context in
                var draft = MaintenanceLanguage.window.initial
                guard MaintenanceLanguage.window.read(node, into: &draft, &context) else { return nil }
                // Nobody named is nobody meant, never everybody.
                if node["components"] == nil, node["tags"] == nil {
                    context.report(
                        at: node.offset, .semantic,
                        "the window is about no component; name some in \"components\" or \"tags\"")
                }
                guard let calendar = draft.calendar else { return nil }
                return MaintenanceWindow(
                    name: draft.name, components: draft.components, tags: draft.tags, calendar: calendar,
                    duration: draft.duration)
            }, show: { _ in nil })
        return .list(of: one, count: 0...100)
    }()
}

extension ValueType where Value == CalendarExpression {
    /// Every expression that is read is one of systemd's; some of systemd's are not read.
    fileprivate static let calendar = ValueType<String>.matching(
        pattern: "^[ -~]+$", length: 1...256, name: "calendar expression", expected: "a calendar expression"
    ) { text in text.utf8.allSatisfy { (0x20...0x7E).contains($0) } }.map(show: { "\"\($0.text)\"" }) {
        text, node, context -> CalendarExpression? in
        guard let calendar = CalendarExpression(text) else {
            context.report(
                node,
                expected: "a calendar expression of systemd such as \"Sun 02:00\", \"*-*-01 04:30 UTC\" or \"daily\"",
                kind: .semantic)
            return nil
        }
        return calendar
    }
}
