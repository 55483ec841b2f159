import Policy
import ResilienceCore

// What people are told of levels of degradation: each deeper one once, and their end.

/// The level that people were told of, for as long as they were not told of its end.
public struct ToldLevel: Hashable, Sendable, Codable {
    public var level: DegradationLevel
    /// The deepest of which they were told since NORMAL: whoever heard of that hears of the end.
    public var deepest: DegradationLevel

    public init(level: DegradationLevel, deepest: DegradationLevel) {
        self.level = level
        self.deepest = deepest
    }
}

extension RecoveryEngine {
    /// A level that comes and goes is one message: what was told counts as over only after so long without it.
    static let levelRest = Duration.seconds(300)

    mutating func tellOfLevel() {
        let level = self.host.degradation.level
        let told = self.host.degradation.told
        if level > told?.level ?? .normal {
            let before = told.map { "; before that it was at \($0.level.rawValue)" } ?? ""
            self.host.degradation.told = ToldLevel(level: level, deepest: max(level, told?.deepest ?? level))
            self.host.degradation.shallowerSince = nil
            self.alert(
                nil, .degraded, level.alertSeverity,
                "The host is at the degradation level \(level.rawValue): \(self.host.degradation.why)\(before).")
            return
        }
        guard let told, level < told.level else {
            self.host.degradation.shallowerSince = nil
            return
        }
        let since = self.host.degradation.shallowerSince ?? self.now.monotonic
        self.host.degradation.shallowerSince = since
        guard self.now.monotonic - since >= Self.levelRest else { return }
        self.host.degradation.shallowerSince = nil
        guard level == .normal else {
            // No news: but should it become deeper again, that is.
            self.host.degradation.told?.level = level
            return
        }
        self.host.degradation.told = nil
        self.effects.append(
            .alert(
                AlertMessage(
                    event: .resolved, component: nil, incident: nil, severity: told.deepest.alertSeverity,
                    channels: [], text: "The host has been at NORMAL again for \(Self.levelRest.brief).",
                    at: self.now.wall, resolves: .degraded)))
    }

    /// When there may be something to tell although nothing happens.
    var nextLevelNews: MonotonicInstant? { self.host.degradation.shallowerSince.map { $0 + Self.levelRest } }
}

extension DegradationLevel {
    /// How urgent it is that people hear of it.
    public var alertSeverity: Severity {
        switch self {
        case .normal: .low
        case .degraded: .medium
        case .minimal: .high
        case .emergency: .critical
        }
    }
}
