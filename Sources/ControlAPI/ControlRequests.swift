import Foundation
import Policy
import RecoveryEngine
import ResilienceCore

/// The bodies that the API takes. Unknown keys are refused: a mistyped `component` must not pause the whole host.
struct PauseRequest: Decodable, Hashable {
    /// A pause without end is an outage that nobody remembers; a month outlasts any change window.
    static let longest: Duration = .seconds(30 * 86_400)
    static let reasonLimit = 500

    var component: String?
    var duration: Duration
    var reason: String

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case component, reason
        case duration = "for"
    }

    init(from decoder: any Decoder) throws {
        try refuseUnknownKeys(decoder, known: CodingKeys.allCases.map(\.rawValue))
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.component = try values.decodeIfPresent(String.self, forKey: .component)
        let text = try values.decode(String.self, forKey: .duration)
        guard let duration = Duration(policyText: text), duration > .zero, duration <= Self.longest else {
            throw ControlRefusal.badBody(
                "`for` is \"\(TextSanitizer.sanitize(text, limit: 64, newlines: .escape))\".",
                fix: "Give a duration of at most 30d, such as \"30m\" or \"2h\".")
        }
        self.duration = duration
        let reason = try values.decode(String.self, forKey: .reason)
        self.reason = TextSanitizer.sanitize(reason, limit: Self.reasonLimit, newlines: .escape)
        guard reason.contains(where: { !$0.isWhitespace }) else {
            throw ControlRefusal.badBody("`reason` is empty.", fix: "Say why, for whoever is woken meanwhile.")
        }
    }
}

/// An answer to what waits for an operator.
struct ApprovalRequest: Decodable, Hashable {
    /// The number that it waits under, or the name of its component.
    var target: String
    var reason: String?

    private enum CodingKeys: String, CodingKey, CaseIterable { case target, reason }

    init(from decoder: any Decoder) throws {
        try refuseUnknownKeys(decoder, known: CodingKeys.allCases.map(\.rawValue))
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let target = try values.decode(String.self, forKey: .target)
        self.target = TextSanitizer.sanitize(target, limit: 64, newlines: .escape)
        self.reason = try values.decodeIfPresent(String.self, forKey: .reason)
            .map { TextSanitizer.sanitize($0, limit: PauseRequest.reasonLimit, newlines: .escape) }
    }
}

/// What is asked of one component, and needs nothing else.
struct ComponentRequest: Decodable, Hashable {
    var component: String

    private enum CodingKeys: String, CodingKey, CaseIterable { case component }

    init(from decoder: any Decoder) throws {
        try refuseUnknownKeys(decoder, known: CodingKeys.allCases.map(\.rawValue))
        self.component = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .component)
    }
}

struct ResumeRequest: Decodable, Hashable {
    var component: String?

    private enum CodingKeys: String, CodingKey, CaseIterable { case component }

    init(component: String?) { self.component = component }

    init(from decoder: any Decoder) throws {
        try refuseUnknownKeys(decoder, known: CodingKeys.allCases.map(\.rawValue))
        self.component = try decoder.container(keyedBy: CodingKeys.self)
            .decodeIfPresent(String.self, forKey: .component)
    }
}

extension Decodable {
    /// - Throws: `ControlRefusal`.
    static func read(from body: [UInt8]) throws -> Self {
        do {
            return try JSONDecoder().decode(Self.self, from: Data(body))
        } catch let refusal as ControlRefusal {
            throw refusal
        } catch DecodingError.keyNotFound(let key, _) {
            throw ControlRefusal.badBody("`\(key.stringValue)` is missing.", fix: "Add it.")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            let key = context.codingPath.last?.stringValue
            throw ControlRefusal.badBody(
                key.map { "`\($0)` is not a string." } ?? "It is not an object.", fix: "Send an object of strings.")
        } catch {
            throw ControlRefusal.badBody("It is not JSON.", fix: "Send a JSON object, with strings in quotes.")
        }
    }
}

func refuseUnknownKeys(_ decoder: any Decoder, known: [String]) throws {
    struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
    let keys = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue).sorted()
    guard let unknown = keys.first(where: { !known.contains($0) }) else { return }
    let shown = TextSanitizer.sanitize(unknown, limit: 64, newlines: .escape)
    throw ControlRefusal.badBody(
        "There is no key `\(shown)`.",
        fix: nearest(to: unknown, among: known).map { "Did you mean `\($0)`?" }
            ?? "The keys are \(known.map { "`\($0)`" }.joined(separator: ", ")).")
}
