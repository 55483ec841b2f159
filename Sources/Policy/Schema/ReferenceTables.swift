/// The tables of the written reference, made of the same tables as the decoder.
enum ReferenceTables {
    /// The tables by name, as Markdown.
    static func all() -> [String: String] {
        var tables: [String: String] = [:]
        var objects = [
            PolicyFileLanguage.file, PolicyFileLanguage.defaults, PolicyFileLanguage.defaultsComponent.shape,
            PolicyFileLanguage.defaultsStep.shape, ComponentLanguage.spec.shape, GuardsLanguage.spec.shape,
            GuardsLanguage.group.shape, MaintenanceLanguage.spec.shape, DegradationLanguage.spec.shape,
        ]
        for tagged in [CheckLanguage.spec.shape, StepLanguage.spec.shape, ChannelLanguage.spec.shape] {
            objects.append(tagged.common)
            objects += tagged.variants.map(\.own)
        }
        while let object = objects.popLast() {
            guard tables[object.name] == nil else { continue }
            tables[object.name] = self.table(object.keys)
            objects.insert(contentsOf: object.keys.compactMap { $0.shape.inner }, at: 0)
        }
        tables["not-available"] = self.notAvailableList()
        return tables
    }

    private static func table(_ keys: [KeyShape]) -> String {
        guard !keys.isEmpty else { return "It has no keys of its own." }
        let rows = keys.map { key in
            let fallback = key.isRequired ? "required" : key.defaultText.map(self.shownDefault) ?? "–"
            return "| `\(key.name)` | \(self.words(for: key.shape)) | \(fallback) | \(key.summary) |"
        }
        return (["| key | value | default | meaning |", "|---|---|---|---|"] + rows).joined(separator: "\n")
    }

    private static func shownDefault(_ text: String) -> String {
        JSONReader.read(Array(text.utf8)).document == nil ? text : "`\(text)`"
    }

    /// What a value looks like, for people.
    private static func words(for shape: Shape) -> String {
        switch shape {
        case .boolean: "`true` or `false`"
        case .scalar: "text, number, `true`, `false` or `null`"
        case .wholeNumber(let range):
            range.count == 1 ? "`\(range.lowerBound)`" : "number, \(range.lowerBound) to \(range.upperBound)"
        case .number(let range): "number, \(plain(range.lowerBound)) to \(plain(range.upperBound))"
        case .text(let text): text.name
        case .duration(let range): "duration, \(range.lowerBound.policyText) to \(range.upperBound.policyText)"
        case .share(let range): "share, \(shareText(range.lowerBound)) to \(shareText(range.upperBound))"
        case .choice(let words, _): words.map { "`\"\($0)\"`" }.joined(separator: ", ")
        case .anyOf(let shapes): shapes.map { self.words(for: $0) }.joined(separator: " or ")
        case .list(.object, _): "array of objects"
        case .list(let element, _): "array of \(self.words(for: element))"
        case .map(_, let element, _): element.isObject ? "objects by name" : "\(self.words(for: element)) by name"
        case .object, .tagged: "object"
        }
    }

    /// What the language names and this version refuses.
    private static func notAvailableList() -> String {
        var lines: [String] = []
        func add(_ what: String, _ names: [String]) {
            guard !names.isEmpty else { return }
            lines.append("- \(what): \(names.map { "`\($0)`" }.joined(separator: ", "))")
        }
        add("top level", PolicyFileLanguage.file.unavailable)
        add("components", ComponentLanguage.spec.shape.unavailable)
        for key in ComponentLanguage.spec.shape.keys {
            if case .choice(_, let unavailable) = key.shape { add("`\(key.name)`", unavailable) }
            if let inner = key.shape.inner { add("keys of \(inner.title)", inner.unavailable) }
        }
        for (what, tagged) in [
            ("types of check", CheckLanguage.spec.shape), ("actions", StepLanguage.spec.shape),
            ("types of channel", ChannelLanguage.spec.shape),
        ] {
            add(what, tagged.unavailable)
            for object in [tagged.common] + tagged.variants.map(\.own) {
                add("keys of \(object.title)", object.unavailable)
                for inner in object.keys.compactMap({ $0.shape.inner }) {
                    add("keys of \(inner.title)", inner.unavailable)
                }
            }
        }
        return lines.joined(separator: "\n")
    }
}

extension Shape {
    /// The object that a key holds, or an array of which.
    fileprivate var inner: ObjectShape? {
        switch self {
        case .object(let object): object
        case .list(let element, _): element.inner
        default: nil
        }
    }
}
