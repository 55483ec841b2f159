import Glibc

/// An http or https URL, taken apart strictly: what a parser reads differently from the server is how requests end up
/// elsewhere.
///
/// - SeeAlso: RFC 3986, section 3.
public struct HTTPURL: Hashable, Sendable {
    public var isSecure: Bool
    /// Without brackets where it is an IPv6 address.
    public var host: String
    public var port: Int
    /// Path and query, beginning with "/".
    public var target: String

    /// What is wrong with a text that should be a URL.
    public struct Invalid: Error, Hashable, Sendable {
        public var why: String
    }

    /// - Throws: `Invalid`.
    public init(_ text: String) throws(Invalid) {
        let lower = text.prefix(8).lowercased()
        guard lower.hasPrefix("http://") || lower.hasPrefix("https://") else {
            throw Invalid(why: "expected a URL such as \"http://127.0.0.1:8080/healthz\"")
        }
        guard text.utf8.count <= 2_000 else { throw Invalid(why: "a URL may have at most 2000 characters") }
        self.isSecure = lower == "https://"
        let rest = text.utf8.dropFirst(self.isSecure ? 8 : 7)
        let authority = rest.prefix { !"/?#".utf8.contains($0) }
        let target = rest.dropFirst(authority.count)
        guard !authority.contains(UInt8(ascii: "@")) else {
            throw Invalid(why: "a URL must not hold a user or password; put credentials into a header or file")
        }
        (self.host, self.port) = try Self.hostAndPort(authority, defaultPort: self.isSecure ? 443 : 80)
        self.target = try Self.requestTarget(target)
    }

    private static func hostAndPort(
        _ authority: Substring.UTF8View, defaultPort: Int
    ) throws(Invalid) -> (String, Int) {
        let text = String(Substring(authority))
        let host: String
        let rest: Substring
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else {
                throw Invalid(why: "the \"[\" of its host is not closed")
            }
            host = String(text[text.index(after: text.startIndex)..<close])
            rest = text[text.index(after: close)...]
            guard isIPv6(host) else { throw Invalid(why: "\(quoted(host)) is not an IPv6 address") }
        } else {
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            host = String(text[..<colon])
            rest = text[colon...]
            guard isHostName(host) else {
                throw Invalid(why: host.isEmpty ? "its host is missing" : "\(quoted(host)) is not a host")
            }
        }
        if rest.isEmpty { return (host, defaultPort) }
        let digits = rest.dropFirst()
        guard rest.first == ":", (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy(isDigit),
            let port = Int(digits), (1...65_535).contains(port)
        else { throw Invalid(why: "its port must be a number from 1 to 65535") }
        return (host, port)
    }

    private static func requestTarget(_ target: Substring.UTF8View) throws(Invalid) -> String {
        let bytes = Array(target)
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "#"): throw Invalid(why: "a fragment (\"#…\") is never sent; remove it")
            case UInt8(ascii: "%"):
                let digits = bytes.dropFirst(index + 1).prefix(2)
                guard digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else {
                    throw Invalid(why: "a \"%\" must be followed by two hexadecimal digits")
                }
            case _ where isLetterOrDigit(byte) || "-._~!$&'()*+,;=:@/?".utf8.contains(byte): continue
            default: throw Invalid(why: "it holds a character that must be percent-encoded")
            }
        }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.hasPrefix("/") ? text : "/" + text
    }
}

/// A host name or an IPv4 address in the usual form. A name whose last label is a number is neither (`127.1`, `010.0.0.1`
/// are read differently by different programs).
///
/// - SeeAlso: RFC 1123, section 2.1.
func isHostName(_ text: String) -> Bool {
    guard (1...253).contains(text.utf8.count) else { return false }
    let labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let areWellFormed = labels.allSatisfy { label in
        (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
            && label.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }
    guard areWellFormed, let last = labels.last else { return false }
    let isNumeric = last.allSatisfy(isDigit) || last.starts(with: "0x".utf8) || last.starts(with: "0X".utf8)
    return isNumeric ? isIPv4(text) : true
}

/// Four decimal numbers from 0 to 255 without leading zeros.
func isIPv4(_ text: String) -> Bool {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return parts.count == 4
        && parts.allSatisfy { part in
            guard (1...3).contains(part.count), part.allSatisfy(isDigit), let number = Int(Substring(part)) else {
                return false
            }
            return number <= 255 && (part.count == 1 || part.first != UInt8(ascii: "0"))
        }
}

/// An IPv6 address without a zone.
///
/// - SeeAlso: inet_pton(3).
func isIPv6(_ text: String) -> Bool {
    guard (2...45).contains(text.utf8.count), text.utf8.contains(UInt8(ascii: ":")) else { return false }
    var address = in6_addr()
    return inet_pton(AF_INET6, text, &address) == 1
}
