import Foundation
import RecoveryEngine
import ResilienceCore
import Supervisor

/// Talks to a running heald over its control socket. Blocks; one connection a request.
///
/// A library for HTTP would take longer to start than the request takes, and the other side is known.
public struct ControlClient: Sendable {
    public struct Answer: Hashable, Sendable {
        public var status: Int
        public var body: [UInt8]
    }

    /// No answer of heald is larger.
    static let answerLimit = 64 << 20

    public var socketPath: String

    public init(runtimeDirectory: String) { self.socketPath = "\(runtimeDirectory)/control.sock" }

    // MARK: - What can be asked

    public func status() throws(CommandFailure) -> SupervisorStatus {
        try self.decode(self.ask("GET", "/v1/status", timeout: .seconds(10)))
    }

    /// The running daemon's version.
    public func version() throws(CommandFailure) -> String {
        struct Version: Decodable { var version: String }
        let version: Version = try self.decode(self.ask("GET", "/v1/version", timeout: .seconds(5)))
        return version.version
    }

    /// - Returns: also where the policies were refused.
    public func reload() throws(CommandFailure) -> ReloadReport {
        let answer = try self.request("POST", "/v1/reload", timeout: .seconds(60))
        guard answer.status == 422 else { return try self.decode(self.accepted(answer)) }
        return try self.decode(answer)
    }

    /// - Parameter duration: as policies write it.
    public func pause(component: String?, for duration: String, reason: String) throws(CommandFailure) {
        let body = JSONValue.object([
            ("component", .string(component)), ("for", .string(duration)), ("reason", .string(reason)),
        ])
        _ = try self.ask("POST", "/v1/pause", body: body, timeout: .seconds(60))
    }

    public func resume(component: String?) throws(CommandFailure) {
        let body = JSONValue.object([("component", .string(component))])
        _ = try self.ask("POST", "/v1/resume", body: body, timeout: .seconds(60))
    }

    public func acknowledge(component: String) throws(CommandFailure) {
        let body = JSONValue.object([("component", .string(component))])
        _ = try self.ask("POST", "/v1/ack", body: body, timeout: .seconds(60))
    }

    public func failBack(component: String) throws(CommandFailure) {
        let body = JSONValue.object([("component", .string(component))])
        _ = try self.ask("POST", "/v1/failback", body: body, timeout: .seconds(60))
    }

    /// - Parameter isDryRun: only ask whether it may be done.
    public func drill(
        component: String, fault: DrillFault, reason: String?, isDryRun: Bool
    ) throws(CommandFailure) -> DrillAnswer {
        let body = JSONValue.object([
            ("component", .string(component)), ("fault", .string(fault.rawValue)), ("reason", .string(reason)),
            ("dryRun", .bool(isDryRun)),
        ])
        return try self.decode(self.ask("POST", "/v1/drill", body: body, timeout: .seconds(60)))
    }

    /// - Parameter target: the number that a repair waits under, or its component.
    public func answerApproval(
        of target: String, approves: Bool, reason: String?
    ) throws(CommandFailure) -> AnsweredApproval {
        let body = JSONValue.object([("target", .string(target)), ("reason", .string(reason))])
        let path = approves ? "/v1/approve" : "/v1/deny"
        return try self.decode(self.ask("POST", path, body: body, timeout: .seconds(60)))
    }

    public func check(component: String) throws(CommandFailure) -> [CheckStatus] {
        struct Checks: Decodable { var checks: [CheckStatus] }
        let checks: Checks = try self.decode(self.ask("POST", "/v1/check/\(component)", timeout: .seconds(150)))
        return checks.checks
    }

    /// - Parameter check: `nil` for all heartbeat checks of the component.
    public func beat(component: String, check: String?) throws(CommandFailure) {
        let path = ["/v1/beat", component, check].compactMap { $0 }.joined(separator: "/")
        _ = try self.ask("POST", path, timeout: .seconds(10))
    }

    // MARK: - Asking

    private func ask(
        _ method: String, _ path: String, body: JSONValue? = nil, timeout: Duration
    ) throws(CommandFailure) -> Answer {
        try self.accepted(self.request(method, path, body: body.map { Array($0.text.utf8) } ?? [], timeout: timeout))
    }

    /// One request and its answer, whatever that says.
    public func request(
        _ method: String, _ path: String, body: [UInt8] = [], timeout: Duration
    ) throws(CommandFailure) -> Answer {
        // What is not a plain path would end the line early and say something else.
        guard path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw Self.noSuchName(path) }
        var head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        if !body.isEmpty { head += "Content-Type: application/json\r\n" }
        if method == "POST" { head += "Content-Length: \(body.count)\r\n" }
        var received: [UInt8] = []
        do {
            let stream = try UnixStream(path: self.socketPath, timeout: timeout)
            try stream.send(Array((head + "\r\n").utf8) + body)
            while received.count <= Self.answerLimit {
                let part = try stream.receive()
                if part.isEmpty { break }
                received += part
                if let answer = try Self.parse(received, isWhole: false) { return answer }
            }
        } catch let failure as UnixStream.Failure {
            throw self.unreachable(failure)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw Self.notUnderstood("\(error)")
        }
        guard !received.isEmpty else { throw self.unreachable(.init(call: "recv", errno: ECONNRESET)) }
        guard let answer = try Self.parse(received, isWhole: true) else { throw Self.notUnderstood("it is cut short") }
        return answer
    }

    /// Reads an answer as far as it has come.
    ///
    /// - Parameter isWhole: the connection has ended.
    /// - Returns: `nil` where more is to come.
    static func parse(_ bytes: [UInt8], isWhole: Bool) throws(CommandFailure) -> Answer? {
        guard bytes.count <= Self.answerLimit else { throw Self.notUnderstood("it is too large") }
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ", maxSplits: 2) ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw Self.notUnderstood("it is not HTTP")
        }
        var length: Int?
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].lowercased()
            let value = line[line.index(after: colon)...].filter { $0 != " " }
            if name == "content-length" { length = Int(value) }
            if name == "transfer-encoding" { throw Self.notUnderstood("its transfer encoding is \(value)") }
        }
        let body = bytes[end.upperBound...]
        if let length {
            guard (0...Self.answerLimit).contains(length) else { throw Self.notUnderstood("its length is \(length)") }
            return body.count >= length ? Answer(status: status, body: Array(body.prefix(length))) : nil
        }
        return isWhole ? Answer(status: status, body: Array(body)) : nil
    }

    private func decode<Value: Decodable>(_ answer: Answer) throws(CommandFailure) -> Value {
        do { return try JSONDecoder().decode(Value.self, from: Data(answer.body)) } catch {
            throw Self.notUnderstood("its JSON is not what this version knows")
        }
    }
}
