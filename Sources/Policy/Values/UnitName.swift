/// What can be said of a unit by its name alone.
///
/// - SeeAlso: systemd.unit(5), "Description".
enum UnitName {
    /// Kinds of unit that can be started, stopped and restarted.
    static let kinds = ["service", "socket", "timer", "mount", "automount", "swap", "path", "target"]
    private static let otherKinds = ["device", "scope", "slice"]

    static let type = ValueType<String>(
        shape: .text(
            TextShape(
                pattern: "^[A-Za-z0-9:_.\\\\@-]+[.](\((kinds + otherKinds).joined(separator: "|")))$", length: 3...255,
                name: "unit name")),
        read: { node, context in
            guard let text = node.string else {
                context.report(node, expected: "the full name of a systemd unit such as \"nginx.service\"")
                return nil
            }
            if let why = problem(with: text) {
                context.report(at: node.offset, .schema, "got \(node.shown); \(why)")
                return nil
            }
            return text
        }, show: { "\"\($0)\"" })

    /// Why a text is not the full name of a unit that can be acted on.
    private static func problem(with text: String) -> String? {
        let isWellFormed =
            (1...255).contains(text.utf8.count)
            && text.utf8.allSatisfy { isLetterOrDigit($0) || ":-_.\\@".utf8.contains($0) }
        let full = "the full name of a systemd unit such as \"nginx.service\""
        guard isWellFormed else { return "expected \(full)" }
        guard let dot = text.lastIndex(of: "."), (kinds + otherKinds).contains(String(text[text.index(after: dot)...]))
        else {
            return "expected \(full); did you mean \(quoted(text + ".service", limit: 255))?"
        }
        let name = text[..<dot]
        if name.isEmpty { return "expected \(full)" }
        if name.hasSuffix("@") { return "a template is no unit; name an instance such as \"\(name)1\(text[dot...])\"" }
        return nil
    }
}
