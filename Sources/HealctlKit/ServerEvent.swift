/// One event of a stream of server-sent events.
public struct ServerEvent: Hashable, Sendable {
    /// What to go on after when the connection is lost; empty where none was given yet.
    public var lastID: String
    public var name: String
    public var data: String
}

/// Takes a stream of server-sent events apart, as it comes.
///
/// - SeeAlso: WHATWG HTML, "Server-sent events", "Interpreting an event stream".
struct ServerEventParser {
    struct TooLong: Error {}

    private static let lineMost = 1 << 20

    private var line: [UInt8] = []
    private var followsReturn = false
    /// What to go on after, also where no event has come yet.
    private(set) var lastID: String
    private var name = ""
    private var data: [String] = []
    private var dataBytes = 0

    /// - Parameter lastID: that of an earlier connection.
    init(lastID: String = "") { self.lastID = lastID }

    mutating func take(_ bytes: [UInt8]) throws(TooLong) -> [ServerEvent] {
        var events: [ServerEvent] = []
        for byte in bytes {
            defer { self.followsReturn = byte == UInt8(ascii: "\r") }
            switch byte {
            case UInt8(ascii: "\n") where self.followsReturn: break
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                if let event = self.endLine() { events.append(event) }
            default:
                self.line.append(byte)
                guard self.line.count + self.dataBytes <= Self.lineMost else { throw TooLong() }
            }
        }
        return events
    }

    private mutating func endLine() -> ServerEvent? {
        let line = String(decoding: self.line, as: UTF8.self)
        self.line.removeAll(keepingCapacity: true)
        guard !line.isEmpty else { return self.endEvent() }
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let value = parts.count < 2 ? "" : parts[1].hasPrefix(" ") ? String(parts[1].dropFirst()) : String(parts[1])
        switch parts[0] {
        case "event": self.name = value
        case "data":
            self.data.append(value)
            self.dataBytes += value.utf8.count
        case "id": if !value.contains("\0") { self.lastID = value }
        default: break  // Comments, `retry`, and what later versions may add.
        }
        return nil
    }

    private mutating func endEvent() -> ServerEvent? {
        defer { (self.name, self.data, self.dataBytes) = ("", [], 0) }
        guard !self.data.isEmpty else { return nil }
        return ServerEvent(
            lastID: self.lastID, name: self.name.isEmpty ? "message" : self.name,
            data: self.data.joined(separator: "\n"))
    }
}
