/// An object of the language as a table of its keys. From this one table follow the decoding, the unknown keys and what
/// was probably meant, the schema and the reference.
struct ObjectSpec<Target: Sendable>: Sendable {
    let shape: ObjectShape
    /// What holds where no key is given.
    let initial: Target
    private let keys: [String: Key<Target>]

    /// - Parameters:
    ///   - name: unique among all objects.
    ///   - title: with its article, for messages.
    ///   - unavailable: keys of the language that are refused by name.
    init(_ name: String, title: String, initial: Target, unavailable: [String] = [], _ keys: [Key<Target>]) {
        self.initial = initial
        self.keys = Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0) })
        self.shape = ObjectShape(
            name: name, title: title, keys: keys.map { $0.shape(initial: initial) }, unavailable: unavailable)
    }

    /// Reads the whole object over `target`, reporting what is wrong.
    ///
    /// - Returns: whether it is an object at all.
    func read(_ node: JSONNode, into target: inout Target, _ context: inout DecodingContext) -> Bool {
        guard let members = node.members else {
            context.report(node, expected: "an object")
            return false
        }
        self.apply(members, to: &target, &context)
        reportUnknownKeys(members, in: [self.shape], title: self.shape.title, &context)
        return reportMissingKeys(node, members, self.shape, &context)
    }

    /// Reads the keys that are its own, and nothing else.
    func apply(_ members: [JSONMember], to target: inout Target, _ context: inout DecodingContext) {
        for member in members { self.keys[member.key]?.apply(member.node, &target, &context) }
    }
}

/// A key: its name, its type and where in the target its value goes.
struct Key<Target: Sendable>: Sendable {
    let name: String
    let valueShape: Shape
    let isRequired: Bool
    let summary: String
    let apply: @Sendable (JSONNode, inout Target, inout DecodingContext) -> Void
    private let defaultText: @Sendable (Target) -> String?

    init<Value>(
        _ name: String, _ path: any WritableKeyPath<Target, Value> & Sendable, _ type: ValueType<Value>,
        required: Bool = false, default words: String? = nil, _ summary: String
    ) {
        self.name = name
        self.valueShape = type.shape
        self.isRequired = required
        self.summary = summary
        self.apply = { node, target, context in
            if let value = type.read(node, &context) { target[keyPath: path] = value }
        }
        self.defaultText = { required ? nil : words ?? type.show($0[keyPath: path]) }
    }

    /// A key whose absence is a value of its own.
    init<Value>(
        _ name: String, optional path: any WritableKeyPath<Target, Value?> & Sendable, _ type: ValueType<Value>,
        required: Bool = false, default words: String? = nil, _ summary: String
    ) {
        self.name = name
        self.valueShape = type.shape
        self.isRequired = required
        self.summary = summary
        self.apply = { node, target, context in
            if let value = type.read(node, &context) { target[keyPath: path] = value }
        }
        self.defaultText = { required ? nil : words ?? $0[keyPath: path].flatMap(type.show) }
    }

    /// An object inside, whose keys are laid over what is there already: `defaults` shows through key by key.
    init<Value>(
        _ name: String, over path: any WritableKeyPath<Target, Value> & Sendable, _ spec: ObjectSpec<Value>,
        _ summary: String
    ) {
        self.name = name
        self.valueShape = .object(spec.shape)
        self.isRequired = false
        self.summary = summary
        self.apply = { node, target, context in _ = spec.read(node, into: &target[keyPath: path], &context) }
        self.defaultText = { _ in nil }
    }

    /// A key that is checked and means nothing to the supervisor.
    init<Value>(ignoring name: String, _ type: ValueType<Value>, required: Bool = false, _ summary: String) {
        self.name = name
        self.valueShape = type.shape
        self.isRequired = required
        self.summary = summary
        self.apply = { node, _, context in _ = type.read(node, &context) }
        self.defaultText = { _ in nil }
    }

    func shape(initial: Target) -> KeyShape {
        KeyShape(
            name: self.name, shape: self.valueShape, isRequired: self.isRequired,
            defaultText: self.defaultText(initial), summary: self.summary)
    }
}

/// Reports the keys that none of the shapes has, except `description`, which every object has.
func reportUnknownKeys(
    _ members: [JSONMember], in shapes: [ObjectShape], alsoKnown: [String] = [], title: String,
    belongsTo: (String) -> String? = { _ in nil }, _ context: inout DecodingContext
) {
    for member in members where !alsoKnown.contains(member.key) {
        if member.key == "description" {
            if member.node.string == nil { context.report(member.node, expected: "a text") }
            continue
        }
        if shapes.contains(where: { $0.names.contains(member.key) }) { continue }
        let message: String
        if shapes.contains(where: { $0.unavailable.contains(member.key) }) {
            message = notAvailable("the key \(quoted(member.key))")
        } else if let owner = belongsTo(member.key) {
            message = "unknown key \(quoted(member.key)) in \(title); it is a key of \(owner)"
        } else {
            let known = shapes.flatMap { $0.keys.map(\.name) } + alsoKnown + ["description"]
            let hint = suggestion(for: member.key, among: known).map { "; did you mean \"\($0)\"?" }
            let list = known.sorted().joined(separator: ", ")
            message = "unknown key \(quoted(member.key)) in \(title)\(hint ?? "; it has \(list)")"
        }
        context.report(at: member.keyOffset, .schema, message)
    }
}

/// - Returns: whether all required keys are there.
func reportMissingKeys(
    _ node: JSONNode, _ members: [JSONMember], _ shape: ObjectShape, _ context: inout DecodingContext
) -> Bool {
    var isComplete = true
    for key in shape.keys where key.isRequired && !members.contains(where: { $0.key == key.name }) {
        isComplete = false
        context.report(at: node.offset, .schema, "missing key \"\(key.name)\" in \(shape.title)")
    }
    return isComplete
}
