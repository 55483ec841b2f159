/// The JSON schema of policy files, for editors. It is made of the same tables as the decoder.
///
/// It cannot say everything that the decoder checks (bounds of durations, references, cycles, …): what it refuses the
/// decoder refuses, and not always the other way round.
///
/// - SeeAlso: JSON Schema 2020-12.
public enum PolicySchema {
    /// The whole schema as JSON.
    public static func text() -> String {
        var writer = SchemaWriter()
        let root = writer.definition(of: PolicyFileLanguage.file)
        var members = [
            SchemaMember("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
            SchemaMember("title", .text("heald policy, version 1")),
        ]
        if case .object(let inner) = root { members += inner }
        let definitions = writer.definitions.sorted { $0.key < $1.key }
        members.append(SchemaMember("$defs", .object(definitions.map { SchemaMember($0.key, $0.value) })))
        return SchemaValue.object(members).written() + "\n"
    }
}

private struct SchemaWriter {
    var definitions: [String: SchemaValue] = [:]

    // MARK: Objects

    mutating func definition(of shape: ObjectShape) -> SchemaValue {
        self.object(keys: shape.keys, first: [])
    }

    /// A closed object: every key of the language, and no other.
    private mutating func object(keys: [KeyShape], first: [SchemaMember]) -> SchemaValue {
        var properties = first
        for key in keys { properties.append(SchemaMember(key.name, self.property(key))) }
        properties.append(
            SchemaMember(
                "description",
                .object([
                    SchemaMember("description", .text("For people.")), SchemaMember("type", .text("string")),
                ])))
        let required = first.map(\.key) + keys.filter(\.isRequired).map(\.name)
        var members = [SchemaMember("type", .text("object"))]
        if !required.isEmpty { members.append(SchemaMember("required", .array(required.map { .text($0) }))) }
        members.append(SchemaMember("properties", .object(properties)))
        members.append(SchemaMember("additionalProperties", .boolean(false)))
        return .object(members)
    }

    private mutating func property(_ key: KeyShape) -> SchemaValue {
        var summary = key.summary
        var defaultValue: SchemaValue?
        if let text = key.defaultText {
            defaultValue = Self.value(of: text)
            if defaultValue == nil { summary += " Default: \(text)." }
        }
        if case .duration(let range) = key.shape {
            summary += " From \(range.lowerBound.policyText) to \(range.upperBound.policyText)."
        }
        var members = [SchemaMember("description", .text(summary))]
        if case .object(let inner) = self.schema(of: key.shape) { members += inner }
        if let defaultValue { members.append(SchemaMember("default", defaultValue)) }
        return .object(members)
    }

    /// A default that is JSON, not words.
    private static func value(of text: String) -> SchemaValue? {
        guard let node = JSONReader.read(Array(text.utf8)).document else { return nil }
        return self.value(of: node)
    }

    private static func value(of node: JSONNode) -> SchemaValue? {
        switch node.value {
        case .bool(let value): return .boolean(value)
        case .string(let text): return .text(text)
        case .number(let text): return node.wholeNumber.map { .whole($0) } ?? Double(text).map { .number($0) }
        case .array(let elements): return .array(elements.compactMap { self.value(of: $0) })
        case .object(let members): return members.isEmpty ? .object([]) : nil
        case .null: return nil
        }
    }

    // MARK: Values

    mutating func schema(of shape: Shape) -> SchemaValue {
        switch shape {
        case .boolean: return .object([SchemaMember("type", .text("boolean"))])
        case .scalar:
            let types = ["string", "number", "boolean", "null"]
            return .object([SchemaMember("type", .array(types.map { .text($0) }))])
        case .wholeNumber(let range):
            return .object([
                SchemaMember("type", .text("integer")), SchemaMember("minimum", .whole(range.lowerBound)),
                SchemaMember("maximum", .whole(range.upperBound)),
            ])
        case .number(let range):
            return .object([
                SchemaMember("type", .text("number")), SchemaMember("minimum", .number(range.lowerBound)),
                SchemaMember("maximum", .number(range.upperBound)),
            ])
        case .text(let text): return Self.string(text.pattern, text.length)
        case .duration: return Self.string(durationPattern, nil)
        case .share: return Self.string(sharePattern, nil)
        case .choice(let words, _): return .object([SchemaMember("enum", .array(words.map { .text($0) }))])
        case .anyOf(let shapes):
            return .object([SchemaMember("anyOf", .array(shapes.map { self.schema(of: $0) }))])
        case .list(let element, let count):
            return .object([
                SchemaMember("type", .text("array")), SchemaMember("items", self.schema(of: element)),
                SchemaMember("minItems", .whole(count.lowerBound)), SchemaMember("maxItems", .whole(count.upperBound)),
            ])
        case .map(let pattern, let element, let count): return self.map(pattern, element, count)
        case .object(let object):
            if self.definitions[object.name] == nil { self.definitions[object.name] = self.definition(of: object) }
            return Self.reference(object.name)
        case .tagged(let tagged):
            if self.definitions[tagged.name] == nil { self.define(tagged) }
            return Self.reference(tagged.name)
        }
    }

    private mutating func map(_ pattern: String, _ element: Shape, _ count: ClosedRange<Int>) -> SchemaValue {
        let value = self.schema(of: element)
        var members = [
            SchemaMember("type", .text("object")),
            SchemaMember("propertyNames", .object([SchemaMember("pattern", .text(pattern))])),
        ]
        if element.isObject {
            let description = SchemaValue.object([
                SchemaMember("anyOf", .array([.object([SchemaMember("type", .text("string"))]), value]))
            ])
            members.append(SchemaMember("properties", .object([SchemaMember("description", description)])))
        }
        members.append(SchemaMember("additionalProperties", value))
        if count.lowerBound > 0 { members.append(SchemaMember("minProperties", .whole(count.lowerBound))) }
        // A description may come on top.
        let most = count.upperBound + (element.isObject ? 1 : 0)
        members.append(SchemaMember("maxProperties", .whole(most)))
        return .object(members)
    }

    /// One closed object for each variant: editors then complete the keys of the right one.
    private mutating func define(_ tagged: TaggedShape) {
        var variants: [SchemaValue] = []
        for variant in tagged.variants {
            let names = SchemaValue.array(variant.names.map { .text($0) })
            let tag = SchemaMember(
                tagged.tag,
                .object([
                    SchemaMember("description", .text(tagged.tagSummary)), SchemaMember("enum", names),
                ]))
            self.definitions[variant.own.name] = self.object(keys: variant.own.keys + tagged.common.keys, first: [tag])
            variants.append(Self.reference(variant.own.name))
        }
        self.definitions[tagged.name] = .object([SchemaMember("oneOf", .array(variants))])
    }

    private static func string(_ pattern: String?, _ length: ClosedRange<Int>?) -> SchemaValue {
        var members = [SchemaMember("type", .text("string"))]
        if let pattern { members.append(SchemaMember("pattern", .text(pattern))) }
        if let length {
            if length.lowerBound > 0 { members.append(SchemaMember("minLength", .whole(length.lowerBound))) }
            members.append(SchemaMember("maxLength", .whole(length.upperBound)))
        }
        return .object(members)
    }

    private static func reference(_ name: String) -> SchemaValue {
        .object([SchemaMember("$ref", .text("#/$defs/\(name)"))])
    }
}
