import ResilienceCore

/// One change of state and what brought it about.
struct Passage: Hashable, Comparable, CustomStringConvertible {
    var from: BreakerStateKind
    var cause: BreakerTransition.Cause
    var to: BreakerStateKind
    var description: String { "\(self.from.rawValue) -\(self.cause.rawValue)-> \(self.to.rawValue)" }

    init(_ change: BreakerTransition) { self.init(from: change.from, cause: change.cause, to: change.to) }

    init(from: BreakerStateKind, cause: BreakerTransition.Cause, to: BreakerStateKind) {
        self.from = from
        self.cause = cause
        self.to = to
    }

    static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

/// Every change of state that there may be, and no other.
let legalPassages: Set<Passage> = {
    var all: Set<Passage> = [
        Passage(from: .closed, cause: .failures, to: .open), Passage(from: .closed, cause: .slowCalls, to: .open),
        Passage(from: .open, cause: .timeToTry, to: .halfOpen),
        Passage(from: .halfOpen, cause: .trialFailed, to: .open),
        Passage(from: .halfOpen, cause: .slowCalls, to: .open),
        Passage(from: .halfOpen, cause: .trialHung, to: .open),
        Passage(from: .halfOpen, cause: .trialsPassed, to: .closed),
    ]
    for from in BreakerStateKind.allCases {
        if from != .closed { all.insert(Passage(from: from, cause: .reset, to: .closed)) }
        for to in [BreakerStateKind.forcedOpen, .forcedClosed] where from != to {
            all.insert(Passage(from: from, cause: .forced, to: to))
        }
        for to in [BreakerStateKind.closed, .open, .forcedOpen, .forcedClosed] where from != to {
            all.insert(Passage(from: from, cause: .restored, to: to))
        }
    }
    return all
}()
