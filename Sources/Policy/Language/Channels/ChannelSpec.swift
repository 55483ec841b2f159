import ResilienceCore

/// The keys that channels of every type have.
struct ChannelDraft: Sendable {
    var minSeverity: Severity = .low
    var events: [AlertEvent] = AlertEvent.allCases.filter { AlertEvent.defaults.contains($0) }
    var repeatEvery: Duration = .seconds(4 * 3600)
    var groupWait: Duration = .seconds(5)
}

/// The language of channels. A new type is a case of `ChannelKind`, a file beside this one and a line in `variants`.
enum ChannelLanguage {
    static let variants: [Variant<ChannelKind>] = [
        ChannelKind.journalVariant, ChannelKind.execVariant, ChannelKind.webhookVariant,
    ]

    static let unavailable = ["alertmanager", "email"]

    /// The channel that exists without being declared.
    static let journalName = "journal"

    static let common = ObjectSpec(
        "channel-common", title: "a channel", initial: ChannelDraft(),
        [
            Key("minSeverity", \.minSeverity, .choice(), "What is less severe is not sent."),
            Key(
                "on", \.events, .list(of: .choice(), count: 1...AlertEvent.allCases.count),
                "The events that it wants."),
            Key(
                "repeat", \.repeatEvery, .duration(.seconds(1)...(.seconds(30 * 86_400))),
                "An incident that stays open is told again after this long."),
            Key(
                "groupWait", \.groupWait, .duration(.zero...(.seconds(600))),
                "How long the first message waits for others to go with it."),
        ])

    static let spec = TaggedSpec(
        "channel", tag: "type", tagSummary: "How it delivers.", common: common, variants: variants,
        unavailable: unavailable)

    static func read(_ node: JSONNode, name: String, _ context: inout DecodingContext) -> Channel? {
        var draft = ChannelDraft()
        guard let kind = self.spec.read(node, into: &draft, &context) else { return nil }
        if name == self.journalName, kind != .journal {
            context.report(
                at: (node["type"] ?? node).offset, .semantic,
                "the channel \"journal\" always is the journal; give this one another name")
        }
        return Channel(
            name: name, kind: kind, minSeverity: draft.minSeverity, events: Set(draft.events),
            repeatEvery: draft.repeatEvery, groupWait: draft.groupWait)
    }
}

extension ChannelKind {
    fileprivate struct Nothing: Sendable {}

    fileprivate struct Program: Sendable {
        var command: [String] = []
        var user: String?
    }

    static let journalVariant = Variant<ChannelKind>(
        "journal",
        keys: ObjectSpec("channel-journal", title: "a journal channel", initial: Nothing(), [])
    ) { _, _, _ in .journal }

    static let execVariant = Variant<ChannelKind>(
        "exec",
        keys: ObjectSpec(
            "channel-exec", title: "an exec channel", initial: Program(),
            [
                Key(
                    "command", \.command, .command, required: true,
                    "Program and arguments; never a shell. It is given the message on its standard input."),
                Key("user", optional: \.user, .user, default: "the user that heald runs as", "Who runs it."),
            ])
    ) { program, _, _ in .exec(command: program.command, user: program.user) }
}
