extension FailureReason {
    /// Whether the same call may succeed a little later. What asks for a person or another request never does.
    public var isWorthRetrying: Bool {
        switch self {
        case .timeout, .connection, .serverError, .rateLimit: true
        case .crashed, .exited, .oom, .resource, .stalled, .authError, .certificate, .unexpectedBody, .checksum,
            .logPattern, .invalidRequest, .notFound, .misconfigured, .other:
            false
        }
    }

    /// Whether it speaks against the health of the other side. A request that was wrong, or whose caller was refused,
    /// was answered by a service that works.
    public var speaksAgainstService: Bool {
        switch self {
        case .timeout, .connection, .serverError, .rateLimit, .crashed, .exited, .oom, .resource, .stalled,
            .unexpectedBody, .checksum, .logPattern, .other:
            true
        case .authError, .certificate, .invalidRequest, .notFound, .misconfigured: false
        }
    }

    /// How bad a failure of this kind is for a breaker that counts by severity.
    public var severityOfCall: Severity {
        switch self {
        case .crashed, .oom, .checksum: .critical
        case .timeout, .connection, .serverError, .exited, .resource, .stalled: .high
        case .rateLimit, .unexpectedBody, .logPattern, .other, .authError, .certificate, .misconfigured: .medium
        case .invalidRequest, .notFound: .low
        }
    }

    /// Why a call failed by the status of its answer; `nil` for one that is no failure (below 400) or no status.
    ///
    /// - SeeAlso: RFC 9110 §15; RFC 6585 §4 for 429.
    public init?(httpStatus status: Int) {
        switch status {
        case 401, 403, 407: self = .authError
        case 404, 410: self = .notFound
        case 408: self = .timeout
        case 425, 429: self = .rateLimit
        case 400..<500: self = .invalidRequest
        case 501, 505: self = .invalidRequest
        case 500..<600: self = .serverError
        default: return nil
        }
    }
}
