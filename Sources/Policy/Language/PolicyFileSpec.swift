/// The language of a file: its top-level keys. The decoder reads the sections of all files in the order in which they
/// need each other, so that these shapes serve the unknown keys, the schema and the reference.
enum PolicyFileLanguage {
    static let componentLimit = 10_000

    static let defaultsCheck = CheckLanguage.common
    static let defaultsComponent = ObjectSpec(
        "defaults-component", title: "defaults.component", initial: ComponentDraft(), ComponentLanguage.shared)
    static let defaultsStep = ObjectSpec(
        "defaults-step", title: "defaults.step", initial: StepDraft(), StepLanguage.patience)

    static let defaults = ObjectShape(
        name: "defaults", title: "defaults",
        keys: [
            section("check", .object(defaultsCheck.shape), "For every check."),
            section("component", .object(defaultsComponent.shape), "For every component."),
            section("step", .object(defaultsStep.shape), "For every step, those of the ladder `default` too."),
        ], unavailable: [])

    static let file = ObjectShape(
        name: "policy", title: "a policy file",
        keys: [
            section(
                "$schema", .text(TextShape(pattern: nil, length: 0...4096, name: "text")),
                "Where an editor finds the schema; nothing else uses it."),
            KeyShape(
                name: "version", shape: .wholeNumber(1...1), isRequired: true, defaultText: nil,
                summary: "The version of the language, 1."),
            section("defaults", .object(defaults), "What holds where a component, check or step does not say."),
            section(
                "components", named(.object(ComponentLanguage.spec.shape), componentLimit),
                "What is supervised, by name."),
            section("strategies", named(.tagged(StepLanguage.spec.shape), 1000), "Steps that ladders can name."),
            section("channels", named(.tagged(ChannelLanguage.spec.shape), 100), "Where alerts go, by name."),
            section("guards", .object(GuardsLanguage.spec.shape), "Limits on what is done to the whole host."),
            section(
                "maintenance", .object(MaintenanceLanguage.spec.shape),
                "Times in which people work on components and nothing is repaired."),
            section(
                "degradation", .object(DegradationLanguage.spec.shape),
                "What the host does without while it is not well."),
            section(
                "groups", named(.object(GuardsLanguage.group.shape), GuardsLanguage.groupLimit),
                "Limits on what is done to the components of a `group`, by its name."),
        ], unavailable: [])

    private static func named(_ shape: Shape, _ limit: Int) -> Shape {
        .map(keyPattern: NamePattern.name.pattern, shape, 0...limit)
    }

    private static func section(_ name: String, _ shape: Shape, _ summary: String) -> KeyShape {
        KeyShape(name: name, shape: shape, isRequired: false, defaultText: nil, summary: summary)
    }
}
