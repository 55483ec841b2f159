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
    private let method: String
    private let expect: HTTPExpectation
    private let needle: [UInt8]?
    private var state = State.head(HTTPHeadParser())
    private var hasAnswer = false

    /// - Returns: `nil` where the request cannot be written down (a control character in a header).
    init?(_ check: HTTPCheck) {
        guard let request = check.requestText() else { return nil }
        self.request = request
        self.method = check.method
        self.expect = check.expect
        self.needle = check.expect.contains.map { Array($0.utf8) }
    }

    func sent() -> Finding? { nil }

    func received(_ bytes: UnsafeRawBufferPointer) -> Finding? {
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

    private func headComplete(_ head: HTTPHead, rest: UnsafeRawBufferPointer) -> Finding? {
        guard self.expect.status.contains(where: { $0.contains(head.status) }) else {
            return self.unexpectedStatus(head, rest: rest)
        }
        guard self.needle != nil else { return .up }
        if head.hasOtherCoding {
            return .down(.unexpectedBody, "the response's body is in a transfer coding that was not asked for")
        }
        var body = HTTPBody(head: head, isHead: self.method == "HEAD")
        return self.readBody(head, &body, rest)
    }

    private func readBody(_ head: HTTPHead, _ body: inout HTTPBody, _ bytes: UnsafeRawBufferPointer) -> Finding? {
        guard let needle = self.needle else { return .up }
        let searched = max(0, body.kept.count - needle.count + 1)
        let progress = body.receive(bytes)
        if contains(body.kept, needle, from: searched) { return .up }
        switch progress {
        case .more where !body.isComplete:
            self.state = .body(head, body)
            return nil
        case .more, .complete:
            return self.mismatch("the body (\(body.kept.count) bytes)", body)
        case .full:
            return self.mismatch("the body's first \(HTTPBody.keptMax / 1_024) KiB", body)
        case .malformed(let what):
            return .down(.unexpectedBody, "the response's body \(what)", output: evidence(body.kept))
        }
    }

    private func mismatch(_ what: String, _ body: HTTPBody) -> Finding {
        let needle = quotation(self.needle ?? [])
        return .down(.unexpectedBody, "\(what) does not contain \(needle)", output: evidence(body.kept))
    }

    func ended(peer: String) -> Finding {
        switch self.state {
        case .head(let parser):
            guard self.hasAnswer else {
                return .down(.connection, "\(peer) closed the connection without a response")
            }
            return .down(.connection, "\(peer) closed the connection in the middle of the response's head")
                .with(output: parser.head.statusLine)
        case .body(_, let body):
            guard let missing = body.missing else {
                return self.mismatch("the body (\(body.kept.count) bytes)", body)
            }
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
                "\(answered), a redirect to \(Self.place(head.location ?? [])); redirects are not followed")
        case 300...399: finding = .down(.invalidRequest, answered)
        default: finding = .down(.unexpectedBody, "\(answered); expected \(self.expectedStatus)")
        }
        if status == 429 || status == 503, let value = head.retryAfter {
            finding.retryAfter = RetryAfter.parse(value, now: ProbeClock.wall())
        }
        // What came along with the head is evidence for free; nothing is read for it.
        var body = HTTPBody(head: head, isHead: self.method == "HEAD")
        _ = body.receive(rest)
        return finding.with(output: head.statusLine + (body.kept.isEmpty ? [] : Array("\n".utf8) + body.kept))
    }

    private var expectedStatus: String {
        self.expect.status.map { range in
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }.joined(separator: ", ")
    }

    /// The scheme and host of a redirect's target, without what may be secret in the rest.
    private static func place(_ location: [UInt8]) -> String {
        let text = String(decoding: location, as: UTF8.self)
        let slashes = text.hasPrefix("//") ? text.startIndex..<text.index(text.startIndex, offsetBy: 2) : nil
        guard let start = slashes ?? text.firstRange(of: "://") else { return "another path of the same host" }
        let authority = text[start.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host = authority.split(separator: "@").last ?? ""
        return quotation((text[..<start.upperBound] + host).utf8, limit: 200)
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
