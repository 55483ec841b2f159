/// Writes values as JSON text, front to back into one buffer.
///
/// What stands between a failure and its repair is mostly the writing of the intent, and Foundation's encoder, which
/// builds a tree of the value first, took the larger part of that. The text is plain RFC 8259 in the order in which
/// types encode their members; anything that reads JSON reads it.
///
/// - Throws: `EncodingError` for a number that JSON has no form for.
enum JSONTextEncoder {
    static func encode(_ value: some Encodable) throws -> String {
        let text = JSONText()
        try text.write(value)
        text.close(to: 0)
        return String(decoding: text.bytes, as: UTF8.self)
    }
}

/// The text so far, and the containers still open in it.
private final class JSONText {
    private(set) var bytes: [UInt8] = []
    private var open: [(end: UInt8, isEmpty: Bool)] = []

    init() { self.bytes.reserveCapacity(512) }

    /// - Returns: the depth of the new container.
    func begin(_ start: Unicode.Scalar, end: Unicode.Scalar) -> Int {
        self.bytes.append(UInt8(ascii: start))
        self.open.append((end: UInt8(ascii: end), isEmpty: true))
        return self.open.count
    }

    /// Ends every container deeper than `depth`.
    func close(to depth: Int) {
        while self.open.count > depth { self.bytes.append(self.open.removeLast().end) }
    }

    /// The next member of the container at `depth`.
    func next(in depth: Int, key: (any CodingKey)? = nil) {
        self.close(to: depth)
        if !self.open[depth - 1].isEmpty { self.bytes.append(UInt8(ascii: ",")) }
        self.open[depth - 1].isEmpty = false
        guard let key else { return }
        self.write(key.stringValue)
        self.bytes.append(UInt8(ascii: ":"))
    }

    func write(_ value: some Encodable) throws {
        if let string = value as? String { return self.write(string) }
        let before = self.bytes.count
        try value.encode(to: JSONTextValue(text: self))
        // A type without members may ask for no container.
        if self.bytes.count == before { self.literal("{}") }
    }

    func write(_ string: String) {
        self.bytes.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                self.bytes.append(UInt8(ascii: "\\"))
                self.bytes.append(byte)
            case UInt8(ascii: "\n"): self.literal("\\n")
            case 0..<0x20, 0x7F:
                self.literal("\\u00")
                self.bytes.append(Self.digits[Int(byte >> 4)])
                self.bytes.append(Self.digits[Int(byte & 15)])
            default: self.bytes.append(byte)
            }
        }
        self.bytes.append(UInt8(ascii: "\""))
    }

    private static let digits = Array("0123456789abcdef".utf8)

    func literal(_ text: StaticString) {
        text.withUTF8Buffer { self.bytes += $0 }
    }

    func write(number: some BinaryInteger) {
        self.bytes += String(number).utf8
    }

    func write(number: some BinaryFloatingPoint & CustomStringConvertible & Encodable) throws {
        guard number.isFinite else {
            throw EncodingError.invalidValue(
                number, .init(codingPath: [], debugDescription: "JSON has no form for \(number)"))
        }
        self.bytes += number.description.utf8
    }
}

/// One value on its way into the text.
private struct JSONTextValue: Encoder, SingleValueEncodingContainer {
    let text: JSONText
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(JSONTextObject(text: self.text, depth: self.text.begin("{", end: "}")))
    }
    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        JSONTextArray(text: self.text, depth: self.text.begin("[", end: "]"))
    }
    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    func encodeNil() { self.text.literal("null") }
    func encode(_ value: Bool) { value ? self.text.literal("true") : self.text.literal("false") }
    func encode(_ value: String) { self.text.write(value) }
    func encode(_ value: Double) throws { try self.text.write(number: value) }
    func encode(_ value: Float) throws { try self.text.write(number: value) }
    func encode(_ value: Int) { self.text.write(number: value) }
    func encode(_ value: Int8) { self.text.write(number: value) }
    func encode(_ value: Int16) { self.text.write(number: value) }
    func encode(_ value: Int32) { self.text.write(number: value) }
    func encode(_ value: Int64) { self.text.write(number: value) }
    func encode(_ value: UInt) { self.text.write(number: value) }
    func encode(_ value: UInt8) { self.text.write(number: value) }
    func encode(_ value: UInt16) { self.text.write(number: value) }
    func encode(_ value: UInt32) { self.text.write(number: value) }
    func encode(_ value: UInt64) { self.text.write(number: value) }
    func encode(_ value: some Encodable) throws { try self.text.write(value) }
}

private struct JSONTextObject<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let text: JSONText
    let depth: Int
    var codingPath: [any CodingKey] { [] }

    func encodeNil(forKey key: Key) {
        self.text.next(in: self.depth, key: key)
        self.text.literal("null")
    }
    func encode(_ value: some Encodable, forKey key: Key) throws {
        self.text.next(in: self.depth, key: key)
        try self.text.write(value)
    }
    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        self.text.next(in: self.depth, key: key)
        return JSONTextValue(text: self.text).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        self.text.next(in: self.depth, key: key)
        return JSONTextValue(text: self.text).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { self.encoder(forKey: nil) }
    func superEncoder(forKey key: Key) -> any Encoder { self.encoder(forKey: key) }

    private func encoder(forKey key: Key?) -> any Encoder {
        self.text.next(in: self.depth, key: key ?? Key(stringValue: "super"))
        return JSONTextValue(text: self.text)
    }
}

private struct JSONTextArray: UnkeyedEncodingContainer {
    let text: JSONText
    let depth: Int
    var count = 0
    var codingPath: [any CodingKey] { [] }

    private mutating func next() {
        self.text.next(in: self.depth)
        self.count += 1
    }
    mutating func encodeNil() {
        self.next()
        self.text.literal("null")
    }
    mutating func encode(_ value: some Encodable) throws {
        self.next()
        try self.text.write(value)
    }
    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        self.next()
        return JSONTextValue(text: self.text).container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        self.next()
        return JSONTextValue(text: self.text).unkeyedContainer()
    }
    mutating func superEncoder() -> any Encoder {
        self.next()
        return JSONTextValue(text: self.text)
    }
}
