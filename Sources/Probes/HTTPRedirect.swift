import Policy

/// Where a redirect leads, and whether it may be followed: only to the server that was to be asked anyway, so that
/// neither credentials nor the question leave for another.
enum HTTPRedirect {
    static let followedMax = 5

    /// The request that follows from an answer; `nil` where the answer is no redirect, or one to elsewhere.
    static func check(following check: HTTPCheck, status: Int, location: [UInt8]) -> HTTPCheck? {
        guard [301, 302, 303, 307, 308].contains(status),
            let target = self.target(of: String(decoding: location, as: UTF8.self), from: check)
        else { return nil }
        var next = check
        next.target = target
        // What browsers do (RFC 9110, section 15.4): only 307 and 308 repeat the request as it was.
        if status <= 303, check.method != "HEAD", check.method == "POST" || status == 303 {
            next.method = "GET"
            next.body = nil
            next.headers.removeAll { $0.name.lowercased().hasPrefix("content-") }
        }
        return next
    }

    private static func target(of location: String, from check: HTTPCheck) -> String? {
        // A fragment is the client's own business.
        let text = location.prefix { $0 != "#" }
        let scheme = check.tls == nil ? "http:" : "https:"
        let isV6 = check.host.utf8.contains(UInt8(ascii: ":"))
        let authority = "//\(isV6 ? "[\(check.host)]" : check.host):\(check.port)"
        let whole: String
        if text.hasPrefix("//") {
            whole = scheme + text
        } else if text.hasPrefix("/") {
            whole = scheme + authority + text
        } else if text.hasPrefix("?") {
            whole = scheme + authority + check.target.prefix { $0 != "?" } + text
        } else if self.hasScheme(text) {
            whole = String(text)
        } else {
            // An empty one is the same document again, which cannot end well: up to the limit.
            let path = check.target.prefix { $0 != "?" }
            let directory = path[..<(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)]
            whole = scheme + authority + (text.isEmpty ? Substring(check.target) : directory + text)
        }
        guard let url = try? HTTPURL(whole), url.isSecure == (check.tls != nil), url.port == check.port,
            url.host.lowercased() == check.host.lowercased()
        else { return nil }
        return self.withoutDots(url.target)
    }

    /// RFC 3986, section 3.1.
    private static func hasScheme(_ text: Substring) -> Bool {
        guard let colon = text.firstIndex(of: ":") else { return false }
        return !text[..<colon].contains { "/?".contains($0) }
    }

    /// RFC 3986, section 5.2.4.
    private static func withoutDots(_ target: String) -> String {
        let path = target.prefix { $0 != "?" }
        var kept: [Substring] = []
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            switch segment {
            case ".", "..":
                if segment == ".." { _ = kept.popLast() }
                if isLast { kept.append("") }
            default: kept.append(segment)
            }
        }
        return "/" + kept.joined(separator: "/") + target[path.endIndex...]
    }

    /// The scheme and host of a redirect's target, without what may be secret in the rest.
    static func place(_ location: [UInt8]) -> String {
        let text = String(decoding: location, as: UTF8.self)
        let slashes = text.hasPrefix("//") ? text.startIndex..<text.index(text.startIndex, offsetBy: 2) : nil
        guard let start = slashes ?? text.firstRange(of: "://") else { return "another path of the same host" }
        let authority = text[start.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host = authority.split(separator: "@").last ?? ""
        return quotation((text[..<start.upperBound] + host).utf8, limit: 200)
    }
}
