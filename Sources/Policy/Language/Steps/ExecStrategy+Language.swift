extension ExecStrategy {
    static let variant = Variant<Strategy>(
        "EXEC",
        keys: ObjectSpec(
            "step-exec", title: "an EXEC step", initial: ExecStrategy(command: []),
            [
                Key(
                    "command", \.command, .command, required: true,
                    "The program and its arguments, as they are: no shell reads them."),
                Key("user", optional: \.user, .user, default: "root", "The user it runs as."),
            ])
    ) { strategy, _, _ in .exec(strategy) }
}
