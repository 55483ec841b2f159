import ResilienceCore

/// An HTTP/1.1 request whose response meets expectations.
public struct HTTPCheck: Hashable, Sendable {
    public var host: String
    public var port: Int
    /// Path and query as sent on the request line, beginning with "/".
    public var target: String
    public var method: String
    public var headers: [HTTPHeader]
    public var body: String?
    public var expect: HTTPExpectation
    /// Redirects to the same scheme, host and port are followed; others never are.
    public var followRedirects: Bool
    /// Speak TLS, and whom to trust; `nil` for plain HTTP.
    public var tls: TLSTrust?
    /// Connect here instead of to `host` and `port`.
    public var unixSocket: String?

    public init(
        host: String, port: Int = 80, target: String = "/", method: String = "GET", headers: [HTTPHeader] = [],
        body: String? = nil, expect: HTTPExpectation = HTTPExpectation(), followRedirects: Bool = false,
        tls: TLSTrust? = nil, unixSocket: String? = nil
    ) {
        self.host = host
        self.port = port
        self.target = target
        self.method = method
        self.headers = headers
        self.body = body
        self.expect = expect
        self.followRedirects = followRedirects
        self.tls = tls
        self.unixSocket = unixSocket
    }
}

/// Who may vouch for a server's certificate.
public enum TLSTrust: Hashable, Sendable {
    /// The certificate authorities of this machine.
    case system
    /// The certificates in this PEM file, and nobody else.
    case file(String)
    /// Anybody, and for any name.
    case anyone
}

public struct HTTPHeader: Hashable, Sendable {
    public var name: String
    public var value: String
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

public struct HTTPExpectation: Hashable, Sendable {
    /// Accepted status codes, as inclusive ranges.
    public var status: [ClosedRange<Int>]
    /// Text that the first 64 KiB of the body must contain.
    public var contains: String?
    /// What some part of the first 64 KiB of the body must match.
    public var matches: Pattern?
    /// What the body, a JSON document of at most 64 KiB, must say.
    public var json: [JSONExpectation]
    /// A slower response is `degraded`.
    public var latency: Duration?

    public init(
        status: [ClosedRange<Int>] = [200...299], contains: String? = nil, matches: Pattern? = nil,
        json: [JSONExpectation] = [], latency: Duration? = nil
    ) {
        self.status = status
        self.contains = contains
        self.matches = matches
        self.json = json
        self.latency = latency
    }
}
