/// A TCP address for the read-only part of the control API, and the `Host` headers it answers to.
///
/// A web page that the operator has open can reach loopback addresses through the operator's browser. It cannot choose
/// the `Host` header, which says the page's own name (DNS rebinding); so only names that are known to be ours are served.
public struct HTTPListener: Hashable, Sendable {
    /// A literal address or `localhost`.
    public var host: String
    /// 0 takes a free port.
    public var port: Int
    /// Names, beside literal addresses, under which clients may ask where the listener is reachable from elsewhere.
    public var names: Set<String> = []

    /// Reads `HOST:PORT`, for example `127.0.0.1:9140` or `[::1]:9140`.
    ///
    /// - Parameter beyondLoopback: accept an address that other machines can reach.
    /// - Throws: `ControlServerError`.
    public init(_ text: String, beyondLoopback: Bool = false) throws(ControlServerError) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { throw .badListener(text, why: "it is not HOST:PORT with a port in 0...65535.") }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty, host == "localhost" || Self.isLiteralAddress(host) else {
            throw .badListener(text, why: "the host is not a literal address such as 127.0.0.1 or [::1].")
        }
        guard beyondLoopback || Self.isLoopback(host) else {
            throw .badListener(text, why: "\(host) can be reached from other machines, and the API has no login.")
        }
        self.host = host
        self.port = port
    }

    /// Whether a request with this `Host` header was meant for this listener.
    ///
    /// - Parameter boundPort: the port in use, which differs from `port` where that is 0.
    func answers(to hostHeader: String?, boundPort: Int) -> Bool {
        guard var name = hostHeader?.lowercased(), !name.isEmpty else { return false }
        let suffix = ":\(boundPort)"
        if name.hasSuffix(suffix) {
            name.removeLast(suffix.count)
        } else if boundPort != 80 {
            return false
        }
        if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
        if Self.isLoopback(self.host) {
            return name == self.host || ["127.0.0.1", "localhost", "::1"].contains(name)
        }
        // A rebound name is never a literal address.
        return Self.isLiteralAddress(name) || self.names.contains(name)
    }

    static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || (host.hasPrefix("127.") && Self.isLiteralAddress(host))
    }

    static func isLiteralAddress(_ host: String) -> Bool { isIPv4(host) || isIPv6(host) }
}
