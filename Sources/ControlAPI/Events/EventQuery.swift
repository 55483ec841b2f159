import HTTPTypes
import Hummingbird
import RecoveryEngine
import Supervisor

/// What a client of the event stream asks for.
struct EventQuery: Hashable, Sendable {
    private static let keys = ["component", "kind", "after", "follow"]

    /// Only of this component.
    var component: String?
    /// Only of these kinds.
    var kinds: Set<FeedEventKind>?
    /// Where to begin.
    var start: EventFeed.Start = .now
    /// Goes on with what happens; otherwise it ends with what there is.
    var follows = true

    /// - Throws: `ControlRefusal`.
    init(_ request: Request) throws {
        var after: Int64?
        for (key, value) in request.uri.queryParameters {
            let value = String(value)
            switch key {
            case "component": self.component = value
            case "kind": self.kinds = try Self.kinds(value)
            case "after": after = try Self.number(value, of: "`after`")
            case "follow": self.follows = try Self.flag(value)
            default: throw Self.unknown(String(key))
            }
        }
        // A client that connects again by itself repeats the address and adds the header.
        if let header = request.headers[.lastEventID] { after = try Self.number(header, of: "Last-Event-ID") }
        if let after { self.start = .after(after) } else if !self.follows { self.start = .oldest }
    }

    func wants(_ event: FeedEvent) -> Bool {
        if let component, event.component != component { return false }
        return self.kinds?.contains(event.kind) ?? true
    }

    private static func kinds(_ text: String) throws -> Set<FeedEventKind> {
        let known = FeedEventKind.allCases.map(\.rawValue)
        return Set(
            try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
                guard let kind = FeedEventKind(rawValue: String(word)) else {
                    let shown = Self.shown(String(word))
                    throw Self.refusal(
                        "There is no kind \"\(shown)\".",
                        fix: nearest(to: String(word), among: known).map { "Did you mean \"\($0)\"?" }
                            ?? "The kinds are \(known.joined(separator: ", ")).")
                }
                return kind
            })
    }

    private static func number(_ text: String, of what: String) throws -> Int64 {
        guard let number = Int64(text), number >= 0 else {
            throw Self.refusal("\(what) is \"\(Self.shown(text))\".", fix: "Give the `id` of an event.")
        }
        return number
    }

    private static func flag(_ text: String) throws -> Bool {
        switch text {
        case "yes", "true", "1": return true
        case "no", "false", "0": return false
        default: throw Self.refusal("`follow` is \"\(Self.shown(text))\".", fix: "Give yes or no.")
        }
    }

    private static func unknown(_ key: String) -> ControlRefusal {
        Self.refusal(
            "There is no parameter `\(Self.shown(key))`.",
            fix: nearest(to: key, among: Self.keys).map { "Did you mean `\($0)`?" }
                ?? "The parameters are \(Self.keys.map { "`\($0)`" }.joined(separator: ", ")).")
    }

    private static func refusal(_ why: String, fix: String) -> ControlRefusal {
        ControlRefusal(status: .badRequest, error: "The request is not understood.", why: why, fix: fix)
    }

    private static func shown(_ text: String) -> String { TextSanitizer.sanitize(text, limit: 64, newlines: .escape) }
}

extension HTTPField.Name {
    fileprivate static let lastEventID = HTTPField.Name("Last-Event-ID") ?? .eTag
}
