import ResilienceCore

extension HTTPCheck {
    private struct Draft: Sendable {
        var url: HTTPURL?
        var method: Method = .get
        var headers: [String: String] = [:]
        var body: String?
        var expect = HTTPExpectation()
        var followRedirects = false
        var tls = TLS()
        var unixSocket: String?
    }

    private struct TLS: Sendable {
        var caFile: String?
        var verify = true
    }

    private enum Method: String, CaseIterable, Sendable {
        case get = "GET"
        case head = "HEAD"
        case options = "OPTIONS"
        case post = "POST"
    }

    static let variant = Variant<CheckKind>(
        "http",
        keys: ObjectSpec(
            "check-http", title: "an http check", initial: Draft(),
            [
                Key("url", optional: \.url, .checkedURL, required: true, "Where to ask."),
                Key("method", \.method, .choice(), "The request method."),
                Key(
                    "headers", \.headers, .headers,
                    "Further headers. `Host` follows from `url`, `Content-Length` from `body`."),
                Key(
                    "body", optional: \.body, .text(1...65_536, name: "text, up to 64 KiB"),
                    "What is sent with the request; say what it is by a `Content-Type` in `headers`."),
                Key("expect", over: \.expect, expectation, "What the response must be like."),
                Key(
                    "followRedirects", \.followRedirects, .boolean,
                    "Follow up to 5 redirects to the same scheme, host and port. Others are never followed."),
                Key("tls", over: \.tls, trust, "Whom to trust; for `https` only."),
                Key(
                    "unixSocket", optional: \.unixSocket, .socketPath, "Connect to this socket; `url` says what to ask."
                ),
            ])
    ) { draft, node, context in
        guard let url = draft.url else { return nil }
        if draft.method == .head { Self.reportHead(node, &context) }
        if !url.isSecure, let tls = node["tls"] {
            context.report(at: tls.offset, .semantic, "the url begins with \"http:\": no TLS is spoken")
        }
        if !draft.tls.verify, draft.tls.caFile != nil, let file = node["tls"]?["caFile"] {
            context.report(at: file.offset, .semantic, "nothing is verified, so that caFile has no effect")
        }
        let trust = draft.tls.verify ? draft.tls.caFile.map { TLSTrust.file($0) } ?? .system : .anyone
        return .http(
            HTTPCheck(
                host: url.host, port: url.port, target: url.target, method: draft.method.rawValue,
                headers: draft.headers.sorted { $0.key < $1.key }.map { HTTPHeader(name: $0.key, value: $0.value) },
                body: draft.body, expect: draft.expect, followRedirects: draft.followRedirects,
                tls: url.isSecure ? trust : nil, unixSocket: draft.unixSocket))
    }

    private static func reportHead(_ node: JSONNode, _ context: inout DecodingContext) {
        if let body = node["body"] { context.report(at: body.offset, .semantic, "HEAD sends no body") }
        for key in ["contains", "matches", "json"] {
            guard let value = node["expect"]?[key] else { continue }
            context.report(
                at: value.offset, .semantic, "the answer to HEAD has no body of which anything could be expected")
        }
    }

    private static let trust = ObjectSpec(
        "tls", title: "the TLS settings of an http check", initial: TLS(),
        [
            Key(
                "caFile", optional: \.caFile, .path, default: "the certificate authorities of this machine",
                "A PEM file; only its certificates are trusted."),
            Key(
                "verify", \.verify, .boolean,
                "Whether the server's certificate must be valid, vouched for and made out to the host."),
        ])

    private static let expectation = ObjectSpec(
        "expect-http", title: "the expectations of an http check", initial: HTTPExpectation(),
        [
            Key("status", \.status, .statuses, "Accepted status codes: `200`, `\"200-299\"` or an array of these."),
            Key(
                "contains", optional: \.contains, .text(1...4096),
                "Text that the first 64 KiB of the body must contain."),
            Key(
                "matches", optional: \.matches, .pattern,
                "What some part of the first 64 KiB of the body must match."),
            Key(
                "json", \.json, .jsonExpectations, default: "none",
                "What the body, a JSON document of at most 64 KiB, must say; all of it."),
            Key(
                "latency", optional: \.latency, .duration(.milliseconds(1)...(.seconds(3600))),
                "A slower response is `degraded`."),
        ])
}

extension ValueType where Value == HTTPURL {
    /// The URL of a check.
    fileprivate static let checkedURL = ValueType(
        shape: .text(TextShape(pattern: "^[hH][tT][tT][pP][sS]?://[!-~]+$", length: 8...2000, name: "URL")),
        read: { node, context in readURL(node, &context) }, show: { _ in nil })
}

/// A URL, or a report of what is wrong with it.
func readURL(_ node: JSONNode, _ context: inout DecodingContext) -> HTTPURL? {
    guard let text = node.string else {
        context.report(node, expected: "a URL such as \"http://127.0.0.1:8080/healthz\"")
        return nil
    }
    do throws(HTTPURL.Invalid) {
        return try HTTPURL(text)
    } catch {
        // A URL may hold a password, and what is printed here ends up in logs.
        let shown = text.utf8.contains(UInt8(ascii: "@")) ? "" : "got \(node.shown); "
        context.report(at: node.offset, .schema, shown + error.why)
        return nil
    }
}

extension ValueType where Value == [ClosedRange<Int>] {
    /// Status codes in the forms that people write them in.
    fileprivate static let statuses: ValueType = {
        let one = ValueType<ClosedRange<Int>>(
            shape: .anyOf([
                .wholeNumber(100...599),
                .text(TextShape(pattern: "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$", length: 3...7, name: "status")),
            ]),
            read: { node, context in
                if let range = statusRange(node) { return range }
                context.report(node, expected: "a status such as 200 or \"200-299\", from 100 to 599")
                return nil
            },
            show: { $0.count == 1 ? "\($0.lowerBound)" : "\"\($0.lowerBound)-\($0.upperBound)\"" })
        let type = ValueType.oneOrMany(of: one, atMost: 50)
        return ValueType(
            shape: type.shape, read: type.read, show: { $0.count == 1 ? one.show($0[0]) : type.show($0) })
    }()
}

private func statusRange(_ node: JSONNode) -> ClosedRange<Int>? {
    if let number = node.wholeNumber { return (100...599).contains(number) ? number...number : nil }
    guard let text = node.string else { return nil }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { $0.utf8.count == 3 && $0.utf8.allSatisfy(isDigit) ? Int($0) : nil }
    guard numbers.count == parts.count, parts.count <= 2, let low = numbers.first, let high = numbers.last,
        (100...599).contains(low), (100...599).contains(high), low <= high
    else { return nil }
    return low...high
}

extension ValueType where Value == [String: String] {
    /// Header fields; RFC 9110, sections 5.1 and 5.5. Those that frame the message are the client's own.
    fileprivate static let headers: ValueType = {
        let values = ValueType<String>.matching(
            pattern: "^([!-~]([\\t -~]*[!-~])?)?$", length: 0...4096, name: "header value",
            expected: "visible ASCII characters, and spaces and tabs between them", isSecret: true
        ) { text in
            text.utf8.allSatisfy { $0 == 0x09 || (0x20...0x7E).contains($0) } && text.first != " " && text.last != " "
                && text.first != "\t" && text.last != "\t"
        }
        return ValueType.map(keys: .headerName, of: values, count: 0...50).reportingRepeatedHeaders
    }()

    private var reportingRepeatedHeaders: ValueType {
        self.map(show: self.show) { headers, node, context in
            var seen: Set<String> = []
            for member in node.members ?? [] where headers[member.key] != nil {
                if seen.insert(member.key.lowercased()).inserted { continue }
                context.report(
                    at: member.keyOffset, .semantic,
                    "the header \(quoted(member.key)) is given twice; case does not count")
            }
            return headers
        }
    }
}

extension NamePattern {
    private static let ownHeaders: Set<String> = ["host", "content-length", "transfer-encoding", "connection"]

    fileprivate static let headerName = NamePattern(
        pattern: "^(?!(?:[Hh][Oo][Ss][Tt]|[Cc]ontent-[Ll]ength|[Tt]ransfer-[Ee]ncoding|[Cc]onnection)$)"
            + "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$",
        expected: "a header name other than Host, Content-Length, Transfer-Encoding and Connection"
    ) { text in
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { isLetterOrDigit($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
            && !ownHeaders.contains(text.lowercased())
    }
}
