import ResilienceCore

extension AlertStrategy {
    static let variant = Variant<Strategy>(
        "ALERT", "NOTIFICATION",
        keys: ObjectSpec(
            "step-alert", title: "an ALERT step", initial: AlertStrategy(),
            [
                Key(
                    "channels", \.channels,
                    .oneOrMany(
                        of: .reference(
                            to: "channel", among: { $0.channels }, builtIn: [ChannelLanguage.journalName]),
                        atMost: 50),
                    default: "every channel that wants `healing_failed`",
                    "Where it goes. The journal always gets it too."),
                Key(
                    "severity", optional: \.severity, .choice(), default: "by the component's criticality",
                    "How urgent it is."),
                Key(
                    "message", optional: \.message, .text(1...2000), default: "a sentence made of what happened",
                    "What it says first."),
            ])
    ) { strategy, _, _ in .alert(strategy) }
}
