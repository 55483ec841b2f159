extension ChannelKind {
    fileprivate struct Webhook: Sendable {
        var url = ""
        var secretFile: String?
    }

    static let webhookVariant = Variant<ChannelKind>(
        "webhook",
        keys: ObjectSpec(
            "channel-webhook", title: "a webhook channel", initial: Webhook(), unavailable: ["template"],
            [
                Key("url", \.url, .webhookURL, required: true, "Where the message is posted as JSON."),
                Key(
                    "secretFile", optional: \.secretFile, .path,
                    "File with a bearer token, read at each delivery."),
            ])
    ) { webhook, node, context in
        if webhook.secretFile != nil, let url = try? HTTPURL(webhook.url), !url.isSecure, !url.isLoopback,
            let secret = node["secretFile"]
        {
            context.report(
                at: secret.offset, .semantic, "the token goes over the network unencrypted; use an https URL",
                severity: .warning)
        }
        return .webhook(url: webhook.url, secretFile: webhook.secretFile)
    }
}

extension HTTPURL {
    fileprivate var isLoopback: Bool {
        self.host == "localhost" || self.host == "::1" || (isIPv4(self.host) && self.host.hasPrefix("127."))
    }
}

extension ValueType where Value == String {
    fileprivate static let webhookURL = ValueType(
        shape: .text(TextShape(pattern: "^[hH][tT][tT][pP][sS]?://[!-~]+$", length: 8...2000, name: "URL")),
        read: { node, context in readURL(node, &context).flatMap { _ in node.string } },
        show: { _ in nil })
}
