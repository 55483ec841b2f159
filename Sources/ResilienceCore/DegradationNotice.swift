/// What a supervisor tells the services beside it about degradation: the content of `degradation.json`.
///
///     {"version": 1, "level": "DEGRADED", "features": {"recommendations": false}}
///
/// It is replaced atomically (written beside, then renamed) at every change, and written anew at least every 10 s, so
/// that readers can tell a supervisor that has nothing to say from one that is gone. Keys that a reader does not know
/// are passed over; another `version` is not read.
public struct DegradationNotice: Hashable, Sendable, Codable {
    /// The only version there is.
    public static let version = 1

    /// How degraded the system is.
    public var level: DegradationLevel
    /// Which features are switched on and off; one that is not named goes by its default.
    public var features: [String: Bool]

    public init(level: DegradationLevel, features: [String: Bool]) {
        self.level = level
        self.features = features
    }

    private enum CodingKeys: CodingKey { case version, level, features }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let version = try values.decode(Int.self, forKey: .version)
        guard version == Self.version else {
            throw DecodingError.dataCorruptedError(
                forKey: .version, in: values, debugDescription: "got \(version); expected \(Self.version)")
        }
        self.level = try values.decode(DegradationLevel.self, forKey: .level)
        self.features = try values.decodeIfPresent([String: Bool].self, forKey: .features) ?? [:]
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(Self.version, forKey: .version)
        try values.encode(self.level, forKey: .level)
        try values.encode(self.features, forKey: .features)
    }
}
