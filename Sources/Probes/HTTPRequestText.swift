import Policy

extension HTTPCheck {
    /// The request's bytes (RFC 9112, section 3); `nil` where a value would break out of its place.
    ///
    /// A declared header replaces ours of the same name, except those that frame the message.
    func requestText() -> [UInt8]? {
        guard Self.isToken(self.method), Self.isTarget(self.target) else { return nil }
        var text = self.method
        text += " "
        text += self.target
        text += " HTTP/1.1\r\n"
        if !self.declares("host") { text += "Host: \(self.authority)\r\n" }
        if !self.declares("user-agent") { text += "User-Agent: heald\r\n" }
        if !self.declares("accept") { text += "Accept: */*\r\n" }
        for header in self.headers {
            guard Self.isToken(header.name), Self.isValue(header.value) else { return nil }
            guard !Self.framing.contains(header.name.lowercased()) else { continue }
            text += "\(header.name): \(header.value)\r\n"
        }
        // Without a body, a method that usually has one says so (RFC 9110, section 8.6).
        if let body = self.body {
            text += "Content-Length: \(body.utf8.count)\r\n"
        } else if self.method == "POST" {
            text += "Content-Length: 0\r\n"
        }
        text += "Connection: close\r\n\r\n"
        if let body = self.body { text += body }
        return Array(text.utf8)
    }

    private static let framing: Set<String> = ["connection", "content-length", "transfer-encoding"]

    private func declares(_ name: String) -> Bool {
        self.headers.contains { $0.name.utf8.count == name.utf8.count && $0.name.lowercased() == name }
    }

    private var authority: String {
        let isBareV6 = self.host.utf8.contains(UInt8(ascii: ":")) && !self.host.hasPrefix("[")
        let host = isBareV6 ? "[\(self.host)]" : self.host
        return self.port == (self.tls == nil ? 80 : 443) || self.unixSocket != nil ? host : "\(host):\(self.port)"
    }

    /// RFC 9110, section 5.6.2.
    static func isToken(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy(\.isTokenCharacter) }

    private static func isTarget(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }

    private static func isValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") }
    }
}

extension UInt8 {
    /// RFC 9110, section 5.6.2: `tchar`.
    var isTokenCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"),
            UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^")...UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
}
