extension TCPCheck {
    static let variant = Variant<CheckKind>(
        "tcp",
        keys: ObjectSpec(
            "check-tcp", title: "a tcp check", initial: TCPCheck(host: "", port: 0),
            [
                Key("host", \.host, .host, required: true, "Host name or address."),
                Key("port", \.port, .wholeNumber(1...65_535), required: true, "Port."),
                Key("send", optional: \.send, .text(1...4096), "Sent after connecting."),
                Key(
                    "expect", optional: \.expect, .text(1...4096), "Text that the first 4 KiB received must contain."),
            ])
    ) { check, _, _ in .tcp(check) }
}
