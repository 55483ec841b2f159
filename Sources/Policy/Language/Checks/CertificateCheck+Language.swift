import ResilienceCore

extension CertificateCheck {
    private struct Draft: Sendable {
        var host: String?
        var port: Int?
        var file: String?
        var expiresAfter = Duration.seconds(14 * 86_400)
    }

    static let variant = Variant<CheckKind>(
        "certificate",
        keys: ObjectSpec(
            "check-certificate", title: "a certificate check", initial: Draft(),
            [
                Key("host", optional: \.host, .host, "Host name or address of a TLS server."),
                Key("port", optional: \.port, .wholeNumber(1...65_535), default: "443", "Its port."),
                Key(
                    "file", optional: \.file, .path,
                    "A PEM file instead; the first of its certificates to expire counts."),
                Key(
                    "expiresAfter", \.expiresAfter, .duration(.zero...(.seconds(86_400 * 3_650))),
                    "It must be valid for at least so long from now."),
            ])
    ) { draft, node, context in
        if let other = node["host"] ?? node["port"], let file = node["file"] {
            context.report(
                at: max(other.offset, file.offset), .semantic,
                "a certificate check looks at a \"file\" or at a server (\"host\", \"port\"), not at both")
            return nil
        }
        if let file = draft.file {
            return .certificate(CertificateCheck(source: .file(file), expiresAfter: draft.expiresAfter))
        }
        if let host = draft.host {
            return .certificate(
                CertificateCheck(
                    source: .server(host: host, port: draft.port ?? 443), expiresAfter: draft.expiresAfter))
        }
        // A key that is there and wrong has been reported already.
        if node["host"] == nil, node["file"] == nil {
            context.report(at: node.offset, .semantic, "a certificate check needs a \"host\" or a \"file\"")
        }
        return nil
    }
}
