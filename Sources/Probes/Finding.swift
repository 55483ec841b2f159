import Policy
import RecoveryEngine
import ResilienceCore

/// What a check came to, before it is dated.
struct Finding: Hashable, Sendable {
    var verdict: Verdict
    var failure: Failure?
    var output: String?
    var retryAfter: Duration?
    /// How full the fullest of the limits is.
    var share: Double?

    static let up = Finding(verdict: .up)

    init(verdict: Verdict, failure: Failure? = nil, output: String? = nil, retryAfter: Duration? = nil) {
        self.verdict = verdict
        self.failure = failure
        self.output = output
        self.retryAfter = retryAfter
    }

    static func down(_ reason: FailureReason, _ message: String, output: String? = nil) -> Finding {
        Finding(verdict: .down, failure: Failure(reason: reason, message: oneLine(message)), output: output)
    }

    /// The probe could not be made for a reason of this machine or process: nothing is known of the component.
    static func unknown(_ message: String, reason: FailureReason = .other, output: String? = nil) -> Finding {
        Finding(verdict: .unknown, failure: Failure(reason: reason, message: oneLine(message)), output: output)
    }

    /// The supervisor was not running when the deadline came, so its silence says nothing of the component.
    static func starved(late: Duration) -> Finding {
        .unknown("the supervisor itself did not run for \(late.brief) when this check was due to end")
    }

    /// A deadline noticed later than this is the supervisor's failure, not the component's.
    static let lateness = Duration.seconds(1)
}

/// A message fit for a failure: one line, clean, at most 500 bytes.
func oneLine(_ text: String) -> String {
    TextSanitizer.sanitize(text, limit: 500, newlines: .escape)
}

/// What the other side sent, as evidence.
func evidence(_ bytes: some Collection<UInt8>) -> String? {
    bytes.isEmpty ? nil : TextSanitizer.sanitize(bytes, limit: 4_096)
}

/// A short quotation of what the other side sent, for use inside a message.
func quotation(_ bytes: some Collection<UInt8>, limit: Int = 60) -> String {
    "\"\(TextSanitizer.sanitize(bytes, limit: limit, newlines: .escape))\""
}
