/// The six kinds of failure, by what helps against them.
public enum FailureCategory: String, CaseIterable, Hashable, Sendable, Codable {
    /// May well go away by itself or by a restart.
    case transient = "TRANSIENT"
    /// The other side asks for less.
    case rateLimit = "RATE_LIMIT"
    /// Who we are was refused: only a person can help.
    case authentication = "AUTHENTICATION"
    /// It answers, and the answer is wrong.
    case dataValidation = "DATA_VALIDATION"
    /// The same request will always fail.
    case permanent = "PERMANENT"
    /// Anything else.
    case unknown = "UNKNOWN"
}

/// Why something failed, in the words that policies use in `when.reason`.
public enum FailureReason: String, CaseIterable, Hashable, Sendable, Codable {
    case timeout, connection, crashed, exited, oom, resource, stalled
    case serverError = "server_error"
    case rateLimit = "rate_limit"
    case authError = "auth_error"
    case certificate
    case unexpectedBody = "unexpected_body"
    case checksum
    case logPattern = "log_pattern"
    case invalidRequest = "invalid_request"
    case notFound = "not_found"
    case misconfigured
    case other

    /// The category that a reason belongs to.
    public var category: FailureCategory {
        switch self {
        case .timeout, .connection, .serverError, .crashed, .exited, .oom, .resource, .stalled: .transient
        case .rateLimit: .rateLimit
        case .authError, .certificate: .authentication
        case .unexpectedBody, .checksum, .logPattern: .dataValidation
        case .invalidRequest, .notFound, .misconfigured: .permanent
        case .other: .unknown
        }
    }
}

/// How bad, in the order LOW < MEDIUM < HIGH < CRITICAL.
public enum Severity: String, CaseIterable, Hashable, Comparable, Sendable, Codable {
    case low = "LOW"
    case medium = "MEDIUM"
    case high = "HIGH"
    case critical = "CRITICAL"

    private var rank: Int {
        switch self {
        case .low: 0
        case .medium: 1
        case .high: 2
        case .critical: 3
        }
    }

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}
