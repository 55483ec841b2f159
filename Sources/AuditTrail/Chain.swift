import Crypto

/// The end of the chain of records: whoever keeps a copy elsewhere can prove later that nothing before it was changed.
public struct ChainHead: Hashable, Sendable, CustomStringConvertible {
    /// The number of the last record; 0 where there is none yet.
    public var sequence: Int64
    /// SHA-256 over that record and the hash before it, 64 hexadecimal digits.
    public var hash: String

    public init(sequence: Int64, hash: String) {
        self.sequence = sequence
        self.hash = hash
    }

    /// `sequence:hash`, as it is printed and logged.
    public var description: String { "\(self.sequence):\(self.hash)" }

    /// Reads the form of `description`.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let sequence = Int64(parts[0]), sequence >= 0, parts[1].utf8.count == 64,
            parts[1].allSatisfy(\.isHexDigit)
        else { return nil }
        self.init(sequence: sequence, hash: parts[1].lowercased())
    }
}

/// One row of the table `record`, as it is hashed.
struct StoredRecord: Hashable {
    var sequence: Int64
    var at: Int64
    var incident: Int64?
    var component: String?
    var kind: String
    var body: String

    /// SHA-256 over the previous hash and every column. Lengths stand before texts and a byte before what may be
    /// absent, so that no two rows have the same form.
    func hash(after previous: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(128 + self.body.utf8.count)
        bytes += previous
        Self.append(self.sequence, to: &bytes)
        Self.append(self.at, to: &bytes)
        bytes.append(self.incident == nil ? 0 : 1)
        Self.append(self.incident ?? 0, to: &bytes)
        bytes.append(self.component == nil ? 0 : 1)
        for text in [self.component ?? "", self.kind, self.body] {
            Self.append(Int64(text.utf8.count), to: &bytes)
            bytes += text.utf8
        }
        return [UInt8](SHA256.hash(data: bytes))
    }

    private static func append(_ number: Int64, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
    }
}

enum Hexadecimal {
    static func string(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// What stands before the first record of a new database.
let chainBeginning = [UInt8](repeating: 0, count: 32)
