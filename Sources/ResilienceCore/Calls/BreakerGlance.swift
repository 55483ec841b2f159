/// What a call may know of a breaker without holding it, in one word that whoever holds the breaker keeps in step with it:
/// whether `admit` would let every call pass, and whether `finish` of a success would change nothing. Where the word says
/// so the call need not ask, because at the moment at which the word was read the answer was known.
///
/// The word never says so where it matters when a call began: that takes a clock.
public struct BreakerGlance: Hashable, Sendable {
    /// The generation, and in the two lowest bits what may be left out.
    public let word: UInt64

    @usableFromInline static var letsPass: UInt64 { 1 }
    @usableFromInline static var isDeafToSuccess: UInt64 { 2 }

    /// A word that was made of another glance.
    @inlinable public init(word: UInt64) { self.word = word }

    init(generation: UInt64, letsPass: Bool = false, isDeafToSuccess: Bool = false) {
        self.word = generation << 2 | (letsPass ? Self.letsPass : 0) | (isDeafToSuccess ? Self.isDeafToSuccess : 0)
    }

    /// What `admit` would give, changing nothing; `nil` where it has to be asked.
    @inlinable public var permit: CallBreakerMachine.Permit? {
        guard self.word & Self.letsPass != 0 else { return nil }
        return CallBreakerMachine.Permit(generation: self.word >> 2, beganAt: nil)
    }

    /// Whether `finish` of a success would change nothing, so that it need not be told.
    @inlinable public func isDeaf(toSuccessOf permit: CallBreakerMachine.Permit) -> Bool {
        self.word & Self.isDeafToSuccess != 0 && self.word >> 2 == permit.generation
    }
}
