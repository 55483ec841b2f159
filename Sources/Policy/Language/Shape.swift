/// What a value may look like: the part of the language that the decoder, the JSON schema for editors and the reference
/// tables have in common.
indirect enum Shape: Hashable, Sendable {
    case boolean
    /// Any JSON value without parts.
    case scalar
    case wholeNumber(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    /// `pattern` is a regular expression of ECMA-262, as JSON Schema has it.
    case text(TextShape)
    case duration(ClosedRange<Duration>)
    case share(ClosedRange<Double>)
    /// One of these words; `unavailable` ones belong to the language and are refused by name.
    case choice([String], unavailable: [String] = [])
    case anyOf([Shape])
    case list(Shape, ClosedRange<Int>)
    /// An object whose keys the operator chooses. Where its values are objects, it may have a `description` too.
    case map(keyPattern: String, Shape, ClosedRange<Int>)
    case object(ObjectShape)
    case tagged(TaggedShape)
}

extension Shape {
    var isObject: Bool {
        switch self {
        case .object, .tagged: true
        case .boolean, .scalar, .wholeNumber, .number, .text, .duration, .share, .choice, .anyOf, .list, .map: false
        }
    }
}

struct TextShape: Hashable, Sendable {
    var pattern: String?
    var length: ClosedRange<Int>
    /// What a person should read in a table: `duration`, `absolute path`.
    var name: String
}

/// An object with the keys of the language.
struct ObjectShape: Hashable, Sendable {
    /// Unique; the name of its definition in the schema.
    var name: String
    /// With its article, for messages: `an http check`.
    var title: String
    var keys: [KeyShape]
    /// Keys of the language that are not built yet.
    var unavailable: [String]
    /// The names of `keys`, for looking up.
    let names: Set<String>

    init(name: String, title: String, keys: [KeyShape], unavailable: [String]) {
        self.name = name
        self.title = title
        self.keys = keys
        self.unavailable = unavailable
        self.names = Set(keys.map(\.name))
    }
}

/// A key of an object.
struct KeyShape: Hashable, Sendable {
    var name: String
    var shape: Shape
    var isRequired: Bool
    /// As JSON, or in words; `nil` where there is none.
    var defaultText: String?
    var summary: String
}

/// An object one of whose keys (`type`, `action`) says which further keys it has.
struct TaggedShape: Hashable, Sendable {
    var name: String
    var tag: String
    var tagSummary: String
    var common: ObjectShape
    var variants: [VariantShape]
    /// Values of the tag that belong to the language and are not built yet.
    var unavailable: [String]
}

struct VariantShape: Hashable, Sendable {
    /// The first is the usual one, the others are aliases.
    var names: [String]
    var own: ObjectShape
}

/// What the language has in place for a thing that this version does not: refused by name, never ignored.
func notAvailable(_ name: String) -> String {
    "\(name) is part of the policy language but not available in this version"
}
