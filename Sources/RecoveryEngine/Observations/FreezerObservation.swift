/// What systemd says of a unit's freezer at one moment.
///
/// - SeeAlso: org.freedesktop.systemd1(5), `FreezerState` and `InvocationID`.
public struct FreezerObservation: Hashable, Sendable {
    /// Its processes stand still, or are about to, whoever's doing that is.
    public var isFrozen: Bool
    /// Whose processes they are: one that is started anew runs thawed. `nil` where systemd gives none.
    public var invocationID: String?

    public init(isFrozen: Bool, invocationID: String?) {
        self.isFrozen = isFrozen
        self.invocationID = invocationID
    }
}
