import ResilienceCore

/// Reads policy files as one policy. All that is wrong in any of them is found in one go.
struct PolicyDecoder {
    private var sources: [SourceText]
    private var documents: [JSONNode?]
    private var context = DecodingContext()
    private var diagnostics: [Diagnostic] = []
    /// Keys that may be set once in all files together, by section.
    private var setOnce: [String: Place] = [:]

    private let overrides: PolicyOverrides

    private init(_ files: [(name: String, bytes: [UInt8])], _ overrides: PolicyOverrides) {
        self.overrides = overrides
        self.sources = files.map { SourceText(name: $0.name, bytes: $0.bytes) }
        self.documents = []
    }

    /// - Parameter files: in the order in which they are merged.
    /// - Returns: the policy, `nil` where there is an error, and all diagnostics in order.
    static func decode(
        _ files: [(name: String, bytes: [UInt8])], overrides: PolicyOverrides = PolicyOverrides()
    ) -> (snapshot: PolicySnapshot?, diagnostics: [Diagnostic]) {
        var decoder = PolicyDecoder(files, overrides)
        decoder.parse()
        let snapshot = decoder.decodeSections()
        return (decoder.hasErrors ? nil : snapshot, decoder.located())
    }

    private var hasErrors: Bool {
        self.diagnostics.contains { $0.severity == .error }
            || self.context.problems.contains { $0.severity == .error }
    }

    // MARK: Texts

    private mutating func parse() {
        for file in self.sources.indices {
            let (document, problems) = JSONReader.read(self.sources[file].bytes)
            self.documents.append(document)
            for problem in problems {
                let position = self.sources[file].position(of: problem.offset)
                self.diagnostics.append(
                    Diagnostic(
                        file: self.sources[file].name, line: position.line, column: position.column,
                        path: pathText(problem.path), kind: problem.isSyntax ? .json : .schema,
                        message: problem.message))
            }
        }
    }

    /// All diagnostics with their positions and paths, sorted, each once.
    private mutating func located() -> [Diagnostic] {
        for problem in self.context.problems {
            let file = problem.place.file
            let position = self.sources[file].position(of: problem.place.offset)
            self.diagnostics.append(
                Diagnostic(
                    file: self.sources[file].name, line: position.line, column: position.column,
                    path: pathText(self.documents[file]?.path(to: problem.place.offset) ?? []), kind: problem.kind,
                    severity: problem.severity, message: problem.message))
        }
        return Array(Set(self.diagnostics)).sorted()
    }

    /// `web.json:12:5`, for messages that name a second place.
    private mutating func text(of place: Place) -> String {
        let position = self.sources[place.file].position(of: place.offset)
        return "\(self.sources[place.file].name):\(position.line):\(position.column)"
    }

    // MARK: Sections

    /// In the order in which they need each other: what is declared where, defaults, channels, strategies, components.
    private mutating func decodeSections() -> PolicySnapshot {
        for file in self.documents.indices { self.checkForm(of: file) }
        self.context.components = self.declared("components", what: "component")
        self.context.channels = self.declared("channels", what: "channel")
        self.context.strategies = self.declared("strategies", what: "strategy")
        self.forEachSection("degradation") { decoder, node in
            decoder.context.degradationLevels.formUnion(DegradationLanguage.declaredLevels(node))
        }
        self.limitComponents()
        self.decodeDefaults()
        self.context.defaults.apply(self.overrides)
        let channels = self.decodeChannels()
        self.decodeStrategies()
        self.forEachSection("defaults") { decoder, node in
            guard let component = node["component"] else { return }
            var draft = decoder.context.defaults.component
            _ = PolicyFileLanguage.defaultsComponent.read(component, into: &draft, &decoder.context)
            decoder.context.defaults.component = draft
        }
        self.context.defaults.apply(self.overrides)
        var guards = Guards()
        self.forEachSection("guards") { decoder, node in
            decoder.refuseRepeated(node, section: "guards")
            _ = GuardsLanguage.spec.read(node, into: &guards, &decoder.context)
            GuardsLanguage.reportFlap(node, guards.flap, &decoder.context)
        }
        let components = self.decodeComponents()
        let groups = self.decodeGroups(members: components)
        self.forEachSection("guards") { decoder, node in
            guard let checks = node["connectivity"]?["checks"] else { return }
            CheckReference.reportUnknown(in: checks, among: components, &decoder.context) { check in
                guard !check.kind.asksOthers || !check.enabled else { return nil }
                let why = check.enabled ? "it is a \(check.kind.type) check" : "it is disabled"
                return "says nothing about the network: \(why)"
            }
        }
        var maintenance: [MaintenanceWindow] = []
        self.forEachSection("maintenance") { decoder, node in
            decoder.refuseRepeated(node, section: "maintenance")
            _ = MaintenanceLanguage.spec.read(node, into: &maintenance, &decoder.context)
            MaintenanceLanguage.report(node, among: components, &decoder.context)
        }
        return PolicySnapshot(
            components: components, guards: guards, groups: groups, channels: channels, maintenance: maintenance,
            degradation: self.decodeDegradation(components)
        ).disabled(by: self.overrides)
    }

    /// The keys of the top level and what kind of thing they hold.
    private mutating func checkForm(of file: Int) {
        guard let document = self.documents[file] else { return }
        self.context.file = file
        guard let members = document.members else {
            self.context.report(document, expected: "an object such as {\"version\": 1, \"components\": {…}}")
            return
        }
        let shape = PolicyFileLanguage.file
        reportUnknownKeys(members, in: [shape], title: shape.title, &self.context)
        if reportMissingKeys(document, members, shape, &self.context), let version = document["version"],
            version.wholeNumber != 1
        {
            self.context.report(version, expected: "1, the only version of the policy language that is known")
        }
        for member in members {
            switch member.key {
            case "$schema": if member.node.string == nil { self.context.report(member.node, expected: "a text") }
            case "defaults", "components", "strategies", "channels", "guards", "groups", "maintenance",
                "degradation":
                if member.node.members == nil { self.context.report(member.node, expected: "an object") }
            default: continue
            }
        }
    }

    /// Calls for the section in each file that has it as an object, with the context set to the file.
    private mutating func forEachSection(_ name: String, _ body: (inout Self, JSONNode) -> Void) {
        for file in self.documents.indices {
            guard let node = self.documents[file]?[name], node.members != nil else { continue }
            self.context.file = file
            body(&self, node)
        }
    }

    /// The names that a section declares in all files together. A second place is an error that names both.
    private mutating func declared(_ section: String, what: String) -> [String: Place] {
        var declared: [String: Place] = [:]
        self.forEachSection(section) { decoder, node in
            for member in node.entries ?? [] {
                guard NamePattern.name.check(member, &decoder.context) else { continue }
                let place = Place(file: decoder.context.file, offset: member.keyOffset)
                if let first = declared[member.key] {
                    let other = decoder.text(of: first)
                    decoder.context.report(
                        at: member.keyOffset, .semantic,
                        "the \(what) \(quoted(member.key)) is already declared at \(other); rename or remove one")
                } else {
                    declared[member.key] = place
                }
            }
        }
        return declared
    }

    /// The keys of a section that has no names: each may be set once in all files.
    private mutating func refuseRepeated(_ node: JSONNode, section: String) {
        for member in node.members ?? [] where member.key != "description" {
            let key = "\(section).\(member.key)"
            if let first = self.setOnce[key], first.file != self.context.file {
                let other = self.text(of: first)
                self.context.report(
                    at: member.keyOffset, .semantic,
                    "\(key) is already set at \(other) and holds for all files; remove one")
            } else {
                self.setOnce[key] = Place(file: self.context.file, offset: member.keyOffset)
            }
        }
    }

    private mutating func limitComponents() {
        let limit = PolicyFileLanguage.componentLimit
        guard self.context.components.count > limit else { return }
        let places = self.context.components.values.sorted { ($0.file, $0.offset) < ($1.file, $1.offset) }
        self.context.file = places[limit].file
        self.context.report(
            at: places[limit].offset, .schema,
            "there are \(places.count) components; at most \(limit) are allowed in all files together")
    }

    // MARK: What components build on

    private mutating func decodeDefaults() {
        self.forEachSection("defaults") { decoder, node in
            let shape = PolicyFileLanguage.defaults
            reportUnknownKeys(node.members ?? [], in: [shape], title: shape.title, &decoder.context)
            for section in ["check", "component", "step"] {
                if let inner = node[section] { decoder.refuseRepeated(inner, section: "defaults.\(section)") }
            }
            if let check = node["check"] {
                var draft = decoder.context.defaults.check
                _ = PolicyFileLanguage.defaultsCheck.read(check, into: &draft, &decoder.context)
                CheckLanguage.reportTimes(check, draft: draft, &decoder.context)
                decoder.context.defaults.check = draft
            }
            if let step = node["step"] {
                var draft = decoder.context.defaults.step
                _ = PolicyFileLanguage.defaultsStep.read(step, into: &draft, &decoder.context)
                StepLanguage.adjustBackoff(step, &draft, &decoder.context)
                decoder.context.defaults.step = draft
            }
        }
    }

    private mutating func decodeChannels() -> [String: Channel] {
        let journal = Channel(name: ChannelLanguage.journalName, kind: .journal, events: AlertEvent.journalDefaults)
        var channels = [journal.name: journal]
        self.forEachDeclaration(in: "channels", of: self.context.channels) { decoder, member in
            channels[member.key] =
                ChannelLanguage.read(member.node, name: member.key, &decoder.context) ?? channels[member.key]
        }
        return channels
    }

    private mutating func decodeGroups(members components: [Component]) -> [String: GroupLimits] {
        var sizes: [String: Int] = [:]
        for component in components { if let group = component.group { sizes[group, default: 0] += 1 } }
        var groups: [String: GroupLimits] = [:]
        let declared = self.declared("groups", what: "group")
        self.forEachDeclaration(in: "groups", of: declared) { decoder, member in
            var limits = GroupLimits()
            guard GuardsLanguage.group.read(member.node, into: &limits, &decoder.context) else { return }
            groups[member.key] = limits
            GuardsLanguage.reportIdle(member, limits, sizes: sizes, &decoder.context)
        }
        return groups
    }

    private mutating func decodeDegradation(_ components: [Component]) -> DegradationPolicy? {
        var draft: DegradationLanguage.Draft?
        self.forEachSection("degradation") { decoder, node in
            decoder.refuseRepeated(node, section: "degradation")
            var own = draft ?? DegradationLanguage.spec.initial
            _ = DegradationLanguage.spec.read(node, into: &own, &decoder.context)
            draft = own
        }
        guard let policy = draft?.policy else { return nil }
        self.forEachSection("degradation") { decoder, node in
            DegradationRules(node: node, policy: policy, components: components).report(&decoder.context)
        }
        return policy
    }

    private mutating func decodeStrategies() {
        self.forEachDeclaration(in: "strategies", of: self.context.strategies) { decoder, member in
            if member.key == StepLanguage.builtIn {
                decoder.context.report(
                    at: member.keyOffset, .semantic,
                    "\"default\" is the built-in ladder; set \"defaults\": {\"component\": {\"recovery\": […]}} instead"
                )
            }
            decoder.context.decodedStrategies[member.key] =
                StepLanguage.read(member.node, name: member.key, &decoder.context)
        }
    }

    /// Calls for the first declaration of each name, in the order of the files.
    private mutating func forEachDeclaration(
        in section: String, of declared: [String: Place], _ body: (inout Self, JSONMember) -> Void
    ) {
        self.forEachSection(section) { decoder, node in
            for member in node.members ?? [] {
                let place = Place(file: decoder.context.file, offset: member.keyOffset)
                if declared[member.key] == place { body(&decoder, member) }
            }
        }
    }

    // MARK: Components

    private mutating func decodeComponents() -> [Component] {
        var rules = ComponentRules()
        var components: [Component] = []
        self.forEachDeclaration(in: "components", of: self.context.components) { decoder, member in
            var draft = decoder.context.defaults.component
            decoder.context.currentChecks = Set((member.node["checks"]?.entries ?? []).map(\.key))
            defer { decoder.context.currentChecks = nil }
            let problemsBefore = decoder.context.problems.count
            _ = ComponentLanguage.spec.read(member.node, into: &draft, &decoder.context)
            guard member.node.members != nil else { return }
            decoder.refuseSharedUnits(of: draft, node: member.node, rules: &rules)
            rules.addDependencies(of: member, draft: draft, file: decoder.context.file)
            let isSound = !decoder.context.problems.dropFirst(problemsBefore).contains { $0.severity == .error }
            components.append(rules.finish(member, draft: draft, isSound: isSound, &decoder.context))
        }
        rules.reportCycles(&self.context)
        return components
    }

    private mutating func refuseSharedUnits(of draft: ComponentDraft, node: JSONNode, rules: inout ComponentRules) {
        if let unit = draft.unit, let value = node["unit"] { self.refuseShared(unit, at: value, rules: &rules) }
        for item in node["failover"]?["standbys"]?.items ?? [] {
            // Within one component they are compared elsewhere.
            guard let standby = item.string, standby != draft.unit,
                draft.facts.failover?.standbys.count(where: { $0 == standby }) == 1
            else { continue }
            self.refuseShared(standby, at: item, rules: &rules)
        }
    }

    private mutating func refuseShared(_ unit: String, at value: JSONNode, rules: inout ComponentRules) {
        if let first = rules.units[unit] {
            let other = self.text(of: first)
            self.context.report(
                at: value.offset, .semantic,
                "the unit \(unit) already belongs to the component at \(other); a unit has one component, so that no two "
                    + "repairs of it run at once")
        } else {
            rules.units[unit] = Place(file: self.context.file, offset: value.offset)
        }
    }
}
