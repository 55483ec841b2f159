/// How much of its work a system still does, in the order NORMAL < DEGRADED < MINIMAL < EMERGENCY.
public enum DegradationLevel: String, CaseIterable, Hashable, Comparable, Sendable, Codable {
    /// Everything.
    case normal = "NORMAL"
    /// Without what is merely pleasant.
    case degraded = "DEGRADED"
    /// What it is there for, and nothing else.
    case minimal = "MINIMAL"
    /// What keeps data and people safe.
    case emergency = "EMERGENCY"

    private var rank: Int {
        switch self {
        case .normal: 0
        case .degraded: 1
        case .minimal: 2
        case .emergency: 3
        }
    }

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}
