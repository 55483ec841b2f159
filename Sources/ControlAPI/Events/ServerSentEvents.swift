import NIOCore
import Supervisor

/// The text of a stream of server-sent events.
///
/// - SeeAlso: WHATWG HTML, "Server-sent events".
enum ServerSentEvents {
    static let contentType = "text/event-stream"

    /// What to go on after, should the connection be lost before anything happens, and how long to wait then.
    static func beginning(goOnAfter number: Int64) -> [UInt8] { Array("id: \(number)\nretry: 2000\n\n".utf8) }
    /// Says nothing, and so that somebody is there.
    static let keepAlive = Array(":\n\n".utf8)

    static func event(_ event: FeedEvent) throws -> [UInt8] {
        try self.event(event.kind.rawValue, id: event.id, event)
    }

    /// - Parameter number: what to go on after.
    static func gap(_ gap: EventFeed.Gap, goOnAfter number: Int64) throws -> [UInt8] {
        struct Data: Encodable {
            var kind = "gap"
            var cause: String
            var from: Int64?
            var to: Int64?
            var why: String
            var fix: String

            // What is not known is `null`, never an absent key.
            enum CodingKeys: CodingKey { case kind, cause, from, to, why, fix }
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(self.kind, forKey: .kind)
                try container.encode(self.cause, forKey: .cause)
                try container.encode(self.from, forKey: .from)
                try container.encode(self.to, forKey: .to)
                try container.encode(self.why, forKey: .why)
                try container.encode(self.fix, forKey: .fix)
            }
        }
        let why =
            switch gap.cause {
            case .tooOld: "These records are not kept in memory any more."
            case .tooSlow: "You were too slow: these records are not kept in memory any more."
            case .newTrail: "The audit trail that you followed is not there any more, and a new one was begun."
            }
        return try self.event(
            "gap", id: number,
            Data(
                cause: gap.cause.rawValue, from: gap.missing?.lowerBound, to: gap.missing?.upperBound, why: why,
                fix: "Read what is missing from the audit trail: healctl incidents."))
    }

    /// Why the stream ends.
    static func end(_ why: String) throws -> [UInt8] {
        try self.event("end", id: nil, ["kind": "end", "why": why])
    }

    private static func event(_ name: String, id: Int64?, _ data: some Encodable) throws -> [UInt8] {
        let number = id.map { "id: \($0)\n" } ?? ""
        // JSON has no line break within, and one at its end.
        return Array("\(number)event: \(name)\ndata: ".utf8) + (try ControlAnswer.encode(data)) + [UInt8(ascii: "\n")]
    }
}
