import ResilienceCore

extension FileCheck {
    static let variant = Variant<CheckKind>(
        "file",
        keys: ObjectSpec(
            "check-file", title: "a file check", initial: FileCheck(path: ""),
            [
                Key("path", \.path, .path, required: true, "The regular file; links are followed."),
                Key(
                    "maxAge", optional: \.maxAge, .duration(.seconds(1)...(.seconds(86_400 * 3_650))),
                    "How long ago it may have been written at most."),
                Key("minSize", optional: \.minSize, .size(), "It has at least so many bytes."),
                Key("maxSize", optional: \.maxSize, .size(), "It has at most so many bytes."),
                Key(
                    "sha256", optional: \.sha256, .sha256,
                    "The SHA-256 of its content. It is read anew only after it has changed, within `timeout`."),
            ])
    ) { check, node, context in
        if let least = check.minSize, let most = check.maxSize, least > most {
            context.report(
                at: (node["minSize"] ?? node).offset, .semantic, "no file is at least minSize and at most maxSize long")
            return nil
        }
        return .file(check)
    }
}

extension ValueType where Value == String {
    /// A SHA-256 in hexadecimal digits, in lower case once read.
    fileprivate static let sha256 = matching(
        pattern: "^[0-9A-Fa-f]{64}$", length: 1...64, name: "SHA-256",
        expected: "a SHA-256 of 64 hexadecimal digits, as sha256sum prints it"
    ) { text in text.utf8.count == 64 && text.allSatisfy(\.isHexDigit) && text.utf8.allSatisfy { $0 < 0x80 } }
    .map(show: { "\"\($0)\"" }) { text, _, _ in text.lowercased() }
}
