import Policy
import ResilienceCore

/// What a response's body is held against once it has come: bounded work, yet more than the thread that watches all
/// connections has time for.
struct HTTPBodyJudge: Sendable {
    private let pattern: Pattern?
    private let json: [JSONExpectation]

    /// - Returns: `nil` where nothing of that kind is expected.
    init?(_ expect: HTTPExpectation) {
        guard expect.matches != nil || !expect.json.isEmpty else { return nil }
        self.pattern = expect.matches
        self.json = expect.json
    }

    /// - Parameter isWhole: nothing of the body is missing.
    func judge(_ body: [UInt8], isWhole: Bool, deadline: MonotonicInstant) -> Finding {
        self.search(body, isWhole: isWhole, deadline: deadline) ?? self.read(body, isWhole: isWhole) ?? .up
    }

    private func search(_ body: [UInt8], isWhole: Bool, deadline: MonotonicInstant) -> Finding? {
        guard let pattern = self.pattern else { return nil }
        switch pattern.matches(body, isDue: { ProbeClock.now() > deadline }) {
        case true?: return nil
        case false?:
            let what = isWhole ? "the body (\(body.count) bytes)" : "the body's first \(HTTPBody.keptMax / 1_024) KiB"
            return .down(
                .unexpectedBody, "\(what) does not match \(quotation(pattern.text.utf8))", output: evidence(body))
        case nil:
            return .unknown(
                "the body came in time, but could not be searched for \(quotation(pattern.text.utf8)) before the timeout",
                reason: .resource)
        }
    }

    private func read(_ body: [UInt8], isWhole: Bool) -> Finding? {
        guard !self.json.isEmpty else { return nil }
        guard isWhole else {
            return .unknown(
                "the body is longer than \(HTTPBody.keptMax / 1_024) KiB, too long to be read as JSON",
                reason: .misconfigured, output: evidence(body))
        }
        do throws(JSONDocument.Unreadable) {
            let document = try JSONDocument(body)
            let wrong = self.json.compactMap { document.mismatch(with: $0) }
            guard !wrong.isEmpty else { return nil }
            return .down(.unexpectedBody, wrong.joined(separator: ", "), output: evidence(body))
        } catch {
            let message = "the body cannot be read as JSON: \(error.why)"
            return error.isBeyondLimits
                ? .unknown(message, reason: .misconfigured, output: evidence(body))
                : .down(.unexpectedBody, message, output: evidence(body))
        }
    }
}
