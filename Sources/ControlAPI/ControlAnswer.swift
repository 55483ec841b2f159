import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import RecoveryEngine

/// What the API says: a status and one JSON value.
struct ControlAnswer: Sendable {
    var status: HTTPResponse.Status
    var body: [UInt8]
    var headers: HTTPFields = [:]
    var contentType = "application/json"

    init(status: HTTPResponse.Status = .ok, body: [UInt8]) {
        self.status = status
        self.body = body
    }

    init(status: HTTPResponse.Status = .ok, _ value: some Encodable) throws {
        self.init(status: status, body: try Self.encode(value))
    }

    /// JSON with its keys in order of their names.
    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return [UInt8](try encoder.encode(value)) + [UInt8(ascii: "\n")]
    }

    var response: Response {
        var headers = self.headers
        headers[.contentType] = self.contentType
        headers[.cacheControl] = "no-store"
        headers[.xContentTypeOptions] = "nosniff"
        return Response(status: self.status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: self.body)))
    }
}

/// A refusal: what could not be done, why, and how to go on.
struct ControlRefusal: Error, Encodable, Hashable {
    var status: HTTPResponse.Status
    var error: String
    var why: String
    var fix: String
    /// The methods that the route has.
    var allow: String?
    /// Why a drill was refused, reason by reason.
    var obstacles: [DrillObstacle]?

    enum CodingKeys: String, CodingKey { case error, why, fix, obstacles }

    var answer: ControlAnswer {
        let body = (try? ControlAnswer.encode(self)) ?? Array("{}\n".utf8)
        var answer = ControlAnswer(status: self.status, body: body)
        if let allow = self.allow { answer.headers[.allow] = allow }
        return answer
    }

    static func noSuchRoute() -> Self {
        Self(
            status: .notFound, error: "There is nothing at this path.", why: "The API has no such route.",
            fix:
                "GET /v1/status, /v1/events, /v1/degradation, /v1/version, /v1/healthz or /metrics; POST /v1/reload, "
                + "/v1/pause, /v1/resume, /v1/approve, /v1/deny, /v1/ack, /v1/failback, /v1/drill, /v1/check/NAME or "
                + "/v1/beat/NAME.")
    }

    static func wrongMethod(allow: String) -> Self {
        Self(
            status: .methodNotAllowed, error: "This path does not take that method.",
            why: "Reading is done with GET, changing with POST.", fix: "Use \(allow).", allow: allow)
    }

    static func notPermitted(user: String, group: String) -> Self {
        Self(
            status: .forbidden, error: "This is for operators.",
            why: "You are \(user), neither root nor a member of the group \(group).",
            fix: "Use sudo, or have yourself added to the group and log in again: usermod -aG \(group) \(user).")
    }

    static func readOnly() -> Self {
        Self(
            status: .forbidden, error: "Nothing can be changed over HTTP.",
            why: "A TCP connection does not say which user it belongs to.", fix: "Use healctl on the machine itself.")
    }

    static func wrongHost() -> Self {
        Self(
            status: .misdirectedRequest, error: "This is not the host that you asked for.",
            why: "The Host header names none of the names that heald serves.",
            fix: "Ask by the listener's address, such as http://127.0.0.1:PORT.")
    }

    static func tooLarge(limit: Int) -> Self {
        Self(
            status: .contentTooLarge, error: "The request is too large.",
            why: "Its body has more than \(limit) bytes.", fix: "Send less.")
    }

    static func badBody(_ why: String, fix: String) -> Self {
        Self(status: .badRequest, error: "The request's body is not understood.", why: why, fix: fix)
    }

    static func invalid(_ why: String) -> Self {
        Self(
            status: .badRequest, error: "The supervisor refused the request.", why: why,
            fix: "Change the request accordingly.")
    }

    static func refused(_ what: String, why: String) -> Self {
        Self(
            status: .conflict, error: what, why: "\(why).",
            fix: "See healctl status, and ask again when that is no longer so.")
    }

    static func noSuchComponent(_ name: String, known: [String]) -> Self {
        let shown = known.prefix(10).joined(separator: ", ") + (known.count > 10 ? ", …" : "")
        return Self(
            status: .notFound, error: "There is no component \"\(name)\".",
            why: known.isEmpty
                ? "The policy declares no components." : "The policy does not declare it; it declares \(shown).",
            fix: nearest(to: name, among: known).map { "Did you mean \"\($0)\"?" }
                ?? "See healctl status for the names.")
    }

    static func noSuchApproval(_ target: String, waiting: [String]) -> Self {
        let shown = waiting.prefix(10).joined(separator: ", ") + (waiting.count > 10 ? ", …" : "")
        return Self(
            status: .notFound, error: "Nothing waits for approval as \"\(target)\".",
            why: waiting.isEmpty
                ? "No repair waits for an operator: it was answered, has expired, or is no longer needed."
                : "What waits is \(shown).",
            fix: "See healctl status for what waits.")
    }

    static func tooSlow(_ limit: Duration) -> Self {
        Self(
            status: .gatewayTimeout, error: "The supervisor did not answer.",
            why: "It had \(limit.components.seconds) s.", fix: "See journalctl -u heald for what keeps it.")
    }

    static func unexpected() -> Self {
        Self(
            status: .internalServerError, error: "The request failed inside heald.",
            why: "The reason is in heald's log.", fix: "See journalctl -u heald.")
    }
}

extension HTTPField.Name {
    static let xContentTypeOptions = HTTPField.Name("X-Content-Type-Options") ?? .contentType
}
