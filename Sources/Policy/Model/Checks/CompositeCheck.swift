/// A rule over other checks of the same component.
public struct CompositeCheck: Hashable, Sendable {
    public enum Rule: Hashable, Sendable {
        case all
        case any
        case atLeast(Int)
    }

    public var rule: Rule
    /// Names of checks, each once. They count only through the rule.
    public var members: [String]

    public init(_ rule: Rule, of members: [String]) {
        self.rule = rule
        self.members = members
    }

    /// How many of so many members have to pass.
    public func needed(of members: Int) -> Int {
        switch self.rule {
        case .all: members
        case .any: 1
        case .atLeast(let count): count
        }
    }
}

extension Check {
    /// Names of the checks that count only through this one.
    public var members: [String] {
        if case .composite(let composite) = self.kind { composite.members } else { [] }
    }
}

extension Component {
    /// Names of the checks that count only through another one, whether that is enabled or not.
    public var membersOfComposites: Set<String> { Set(self.checks.lazy.flatMap(\.members)) }
}
