/// Sizes in bytes as policies write them: `4096`, `512K`, `64M`, `2G`, `1T`; powers of 1024.
enum ByteSizeText {
    private static let units: [(name: String, bytes: Int64)] = [
        ("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10),
    ]
    /// For the JSON schema.
    static let pattern = "^[0-9]{1,12}[KMGT]?$"
    /// Far from overflow, and beyond any disk of one machine.
    static let most: Int64 = 1 << 60

    /// - Returns: `nil` where the text is something else; what is too much for the type is its greatest value.
    static func parse(_ text: String) -> Int64? {
        let unit = units.first { text.hasSuffix($0.name) }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard (1...12).contains(digits.utf8.count), digits.utf8.allSatisfy(isDigit), let number = Int64(digits) else {
            return nil
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit?.bytes ?? 1)
        return overflow ? .max : bytes
    }

    /// The shortest exact text.
    static func show(_ bytes: Int64) -> String {
        for unit in units where bytes >= unit.bytes && bytes % unit.bytes == 0 {
            return "\(bytes / unit.bytes)\(unit.name)"
        }
        return String(bytes)
    }
}

extension ValueType where Value == Int64 {
    /// A size such as `"64M"`, in bytes.
    static func size(atLeast least: Int64 = 0) -> ValueType {
        ValueType(
            shape: .text(TextShape(pattern: ByteSizeText.pattern, length: 1...13, name: "size")),
            read: { node, context in
                guard let text = node.string, let bytes = ByteSizeText.parse(text) else {
                    context.report(node, expected: "a size such as \"512K\", \"64M\" or \"2G\"")
                    return nil
                }
                if (least...ByteSizeText.most).contains(bytes) { return bytes }
                let bounds = "from \"\(ByteSizeText.show(least))\" to \"\(ByteSizeText.show(ByteSizeText.most))\""
                context.report(node, expected: "a size \(bounds)")
                return nil
            }, show: { "\"\(ByteSizeText.show($0))\"" })
    }
}

extension ValueType where Value == SizeOrShare {
    /// `"2G"` or `"10%"`.
    static let sizeOrShare: ValueType = {
        let size = ValueType<Int64>.size(atLeast: 1)
        let share = ValueType<Double>.share(0.0001...1)
        return ValueType(
            shape: .anyOf([size.shape, share.shape]),
            read: { node, context in
                guard let text = node.string, text.hasSuffix("%") || ByteSizeText.parse(text) != nil else {
                    context.report(node, expected: "a size such as \"2G\" or a share such as \"10%\"")
                    return nil
                }
                if text.hasSuffix("%") { return share.read(node, &context).map { .share($0) } }
                return size.read(node, &context).map { .bytes($0) }
            }, show: { _ in nil })
    }()
}
