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

    /// A unit that a policy may have started, stopped or changed besides the component's own.
    static let actionable = type.map(show: { "\"\($0)\"" }) { unit, node, context -> String? in
        guard let why = ProtectedUnits.reason(for: unit) else { return unit }
        context.report(at: node.offset, .semantic, "\(unit) is never acted on: \(why)")
        return nil
    }

    /// A template `name@.service`.
    static let template = ValueType<String>(
        shape: .text(
            TextShape(pattern: "^[A-Za-z0-9:_.\\\\-]+@[.]service$", length: 10...250, name: "template unit name")),
        read: { node, context in
            guard let text = node.string, text.hasSuffix("@.service"), text.utf8.count <= 250,
                problem(with: text.replacing("@.service", with: "@1.service")) == nil,
                text.count(where: { $0 == "@" }) == 1
            else {
                context.report(node, expected: "the name of a template unit such as \"worker@.service\"")
                return nil
            }
            if let why = ProtectedUnits.reason(for: text.replacing("@.service", with: "@1.service")) {
                context.report(at: node.offset, .semantic, "\(text) is never acted on: \(why)")
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
