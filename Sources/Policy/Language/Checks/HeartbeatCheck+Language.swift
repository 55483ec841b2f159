extension HeartbeatCheck {
    static let variant = Variant<CheckKind>(
        "heartbeat",
        keys: ObjectSpec(
            "check-heartbeat", title: "a heartbeat check", initial: HeartbeatCheck(every: .seconds(1)),
            [
                Key(
                    "every", \.every, .duration(.milliseconds(100)...(.seconds(7 * 86_400))), required: true,
                    "How often the program reports at least. It fails when it has been silent for longer."),
                Key(
                    "phi", optional: \.phi, .number(1...16),
                    "Adapts the time to the rhythm of the reports: a silence beyond `every` counts only once its "
                        + "suspicion φ reaches this, at ten times `every` at the latest. 8 is a usual value."),
            ])
    ) { check, node, context in
        // Nothing is asked of the program, so that nothing can take too long.
        if let timeout = node["timeout"] {
            context.report(at: timeout.offset, .semantic, "a heartbeat check asks nothing and has no timeout")
            return nil
        }
        return .heartbeat(check)
    }
}
