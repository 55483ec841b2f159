import Policy
import ResilienceCore

/// An `http` check: one request on a connection of its own, and no more of the answer than the check needs.
final class HTTPConversation: Conversation {
    private enum State {
        case head(HTTPHeadParser)
        case body(HTTPHead, HTTPBody)
    }

    let request: [UInt8]
    let answerProvesPeer = true
    private let check: HTTPCheck
    private let needle: [UInt8]?
    private let judge: HTTPBodyJudge?
    /// Redirects that led here.
    private let redirects: Int
    private var isNeedleFound: Bool
    private var state = State.head(HTTPHeadParser())
    private var hasAnswer = false

    /// - Returns: `nil` where the request cannot be written down (a control character in a header).
    convenience init?(_ check: HTTPCheck) { self.init(check, redirects: 0) }

    private init?(_ check: HTTPCheck, redirects: Int) {
        guard let request = check.requestText() else { return nil }
        self.request = request
        self.check = check
        self.redirects = redirects
        self.needle = check.expect.contains.map { Array($0.utf8) }
        self.isNeedleFound = self.needle == nil
        self.judge = HTTPBodyJudge(check.expect)
    }

    func sent() -> Outcome? { nil }

    func received(_ bytes: UnsafeRawBufferPointer) -> Outcome? {
        self.hasAnswer = true
        switch self.state {
        case .head(var parser):
            // The parser's buffers must not be shared with the state while it writes to them.
            self.state = .head(HTTPHeadParser())
            let end: Int?
            do throws(HTTPHeadParser.Malformed) {
                end = try parser.parse(bytes)
            } catch {
                return .down(.unexpectedBody, "the response \(error.what)", output: evidence(bytes.prefix(4_096)))
            }
            guard let end else {
                self.state = .head(parser)
                return nil
            }
            return self.headComplete(parser.head, rest: UnsafeRawBufferPointer(rebasing: bytes[end...]))
        case .body(let head, var body):
            self.state = .head(HTTPHeadParser())
            return self.readBody(head, &body, bytes)
        }
    }

    private func headComplete(_ head: HTTPHead, rest: UnsafeRawBufferPointer) -> Outcome? {
        guard self.check.expect.status.contains(where: { $0.contains(head.status) }) else {
            return self.redirected(head) ?? .finding(self.unexpectedStatus(head, rest: rest))
        }
        guard self.needle != nil || self.judge != nil else { return .up }
        if head.hasOtherCoding {
            return .down(.unexpectedBody, "the response's body is in a transfer coding that was not asked for")
        }
        var body = HTTPBody(head: head, isHead: self.check.method == "HEAD")
        return self.readBody(head, &body, rest)
    }

    private func readBody(_ head: HTTPHead, _ body: inout HTTPBody, _ bytes: UnsafeRawBufferPointer) -> Outcome? {
        let known = body.kept.count
        let progress = body.receive(bytes)
        if !self.isNeedleFound, let needle = self.needle {
            self.isNeedleFound = contains(body.kept, needle, from: max(0, known - needle.count + 1))
        }
        if self.isNeedleFound, self.judge == nil { return .up }
        switch progress {
        case .more where !body.isComplete:
            self.state = .body(head, body)
            return nil
        case .more, .complete, .full: return self.bodyRead(body, isWhole: body.isComplete && !body.isCut)
        case .malformed(let what):
            return .down(.unexpectedBody, "the response's body \(what)", output: evidence(body.kept))
        }
    }

    private func bodyRead(_ body: HTTPBody, isWhole: Bool) -> Outcome {
        guard self.isNeedleFound else {
            let what =
                isWhole ? "the body (\(body.kept.count) bytes)" : "the body's first \(HTTPBody.keptMax / 1_024) KiB"
            let needle = quotation(self.needle ?? [])
            return .down(.unexpectedBody, "\(what) does not contain \(needle)", output: evidence(body.kept))
        }
        guard let judge = self.judge else { return .up }
        let kept = body.kept
        return .judge { judge.judge(kept, isWhole: isWhole, deadline: $0) }
    }

    func ended(peer: String) -> Outcome {
        switch self.state {
        case .head(let parser):
            guard self.hasAnswer else {
                return .down(.connection, "\(peer) closed the connection without a response")
            }
            return .down(
                .connection, "\(peer) closed the connection in the middle of the response's head",
                output: evidence(parser.head.statusLine))
        case .body(_, let body):
            guard let missing = body.missing else { return self.bodyRead(body, isWhole: !body.isCut) }
            return .down(
                .connection, "\(peer) closed the connection in the middle of the body, \(missing)",
                output: evidence(body.kept))
        }
    }

    var phase: String {
        switch self.state {
        case .head: self.hasAnswer ? "reading the response's head" : "waiting for the response"
        case .body(_, let body): "reading the body (\(body.kept.count) bytes so far)"
        }
    }

    var output: String? {
        switch self.state {
        case .head(let parser): evidence(parser.head.statusLine)
        case .body(_, let body): evidence(body.kept)
        }
    }

    // MARK: Status

    private func unexpectedStatus(_ head: HTTPHead, rest: UnsafeRawBufferPointer) -> Finding {
        let status = head.status
        let answered = "answered \(quotationFree(head.statusLine.dropFirst(9)))"
        var finding: Finding
        switch status {
        case 500...599: finding = .down(.serverError, answered)
        case 429: finding = .down(.rateLimit, answered)
        case 401, 403: finding = .down(.authError, answered)
        case 404: finding = .down(.notFound, answered)
        case 400...499: finding = .down(.invalidRequest, answered)
        case 300...399 where head.location != nil:
            finding = .down(
                .invalidRequest,
                "\(answered), a redirect to \(HTTPRedirect.place(head.location ?? [])); \(self.whyNotFollowed)")
        case 300...399: finding = .down(.invalidRequest, answered)
        default: finding = .down(.unexpectedBody, "\(answered); expected \(self.expectedStatus)")
        }
        if status == 429 || status == 503, let value = head.retryAfter {
            finding.retryAfter = RetryAfter.parse(
                value, now: ProbeClock.wall(), longest: .seconds(3_600))
        }
        // What came along with the head is evidence for free; nothing is read for it.
        var body = HTTPBody(head: head, isHead: self.check.method == "HEAD")
        _ = body.receive(rest)
        return finding.with(output: head.statusLine + (body.kept.isEmpty ? [] : Array("\n".utf8) + body.kept))
    }

    private var expectedStatus: String {
        self.check.expect.status.map { range in
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }.joined(separator: ", ")
    }

    // MARK: Redirects

    /// - Returns: `nil` where the answer is to be judged as it is.
    private func redirected(_ head: HTTPHead) -> Outcome? {
        guard self.check.followRedirects, self.redirects < HTTPRedirect.followedMax, let location = head.location,
            let next = HTTPRedirect.check(following: self.check, status: head.status, location: location)
        else { return nil }
        return HTTPConversation(next, redirects: self.redirects + 1).map { .again($0) }
    }

    private var whyNotFollowed: String {
        guard self.check.followRedirects else { return "redirects are not followed" }
        return self.redirects < HTTPRedirect.followedMax
            ? "only those to the same scheme, host and port are followed"
            : "no more than \(HTTPRedirect.followedMax) are followed"
    }
}

/// A short piece of what the other side sent, for use inside a message that needs no quotation marks.
private func quotationFree(_ bytes: some Collection<UInt8>) -> String {
    String(quotation(bytes, limit: 80).dropFirst().dropLast())
}

extension Finding {
    fileprivate func with(output: [UInt8]) -> Finding {
        var copy = self
        copy.output = evidence(output)
        return copy
    }
}
