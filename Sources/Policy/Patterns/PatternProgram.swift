/// A pattern as steps of a machine that is in many of them at once.
///
/// - SeeAlso: K. Thompson, Regular Expression Search Algorithm, CACM 11(6), 1968.
struct PatternProgram: Sendable {
    enum Step: Hashable, Sendable {
        case one(ScalarSet)
        case assertion(PatternAssertion)
        case either(Int, Int)
        case next(Int)
        case found
    }

    /// A character costs at most one visit of each step.
    static let stepsMax = 1_000

    private(set) var steps: [Step] = []
    /// Parts that were laid out, however empty: repeating nothing must not take for ever.
    private var laidOut = 0
    private let flags: PatternFlags

    init(_ node: PatternNode, flags: PatternFlags) throws(Pattern.Invalid) {
        self.flags = flags
        try self.lay(node)
        try self.add(.found)
    }

    private mutating func add(_ step: Step) throws(Pattern.Invalid) {
        guard self.steps.count < Self.stepsMax else { throw Self.tooLarge }
        self.steps.append(step)
    }

    private static let tooLarge = Pattern.Invalid(
        why: "the pattern is too large; repetitions of repetitions multiply")

    private mutating func lay(_ node: PatternNode) throws(Pattern.Invalid) {
        self.laidOut += 1
        guard self.laidOut <= 10 * Self.stepsMax else { throw Self.tooLarge }
        switch node {
        case .empty: break
        case .one(let set): try self.add(.one(self.flags.ignoresCase ? set.ignoringCase : set))
        case .assertion(let assertion): try self.add(.assertion(assertion))
        case .sequence(let parts): for part in parts { try self.lay(part) }
        case .alternatives(let branches): try self.lay(branches)
        case .repeated(let part, let least, let most):
            for _ in 0..<least { try self.lay(part) }
            if let most {
                try self.lay(part, upTo: most - least)
            } else {
                try self.layEndless(part)
            }
        }
    }

    private mutating func lay(_ branches: [PatternNode]) throws(Pattern.Invalid) {
        var ends: [Int] = []
        for branch in branches.dropLast() {
            let fork = self.steps.count
            try self.add(.either(fork + 1, 0))
            try self.lay(branch)
            ends.append(self.steps.count)
            try self.add(.next(0))
            self.steps[fork] = .either(fork + 1, self.steps.count)
        }
        if let last = branches.last { try self.lay(last) }
        for end in ends { self.steps[end] = .next(self.steps.count) }
    }

    private mutating func lay(_ part: PatternNode, upTo count: Int) throws(Pattern.Invalid) {
        var forks: [Int] = []
        for _ in 0..<count {
            forks.append(self.steps.count)
            try self.add(.either(0, 0))
            try self.lay(part)
        }
        for fork in forks { self.steps[fork] = .either(fork + 1, self.steps.count) }
    }

    private mutating func layEndless(_ part: PatternNode) throws(Pattern.Invalid) {
        let fork = self.steps.count
        try self.add(.either(0, 0))
        try self.lay(part)
        try self.add(.next(fork))
        self.steps[fork] = .either(fork + 1, self.steps.count)
    }
}
