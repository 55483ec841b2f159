import Glibc
import ResilienceCore

extension ControlClient {
    /// What of the event stream is asked for.
    public struct EventsQuery: Hashable, Sendable {
        public var component: String?
        public var kinds: [String] = []
        /// Goes on with what happens; otherwise it ends with what there is.
        public var follows: Bool
        /// Go on after this event; empty: begin anew.
        public var lastID = ""

        public init(component: String?, kinds: [String], follows: Bool) {
            self.component = component
            self.kinds = kinds
            self.follows = follows
        }

        var path: String {
            let parameters = [
                self.component.map { "component=\($0)" },
                self.kinds.isEmpty ? nil : "kind=\(self.kinds.joined(separator: ","))",
                self.follows ? nil : "follow=no",
            ].compactMap { $0 }
            return "/v1/events" + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
        }
    }

    /// heald says something every 15 s, be it that there is nothing to say: without a word for so long it is gone.
    public static let silenceLongest = Duration.seconds(45)

    /// Hands over events as they come, until heald ends the stream.
    ///
    /// - Parameters:
    ///   - query: its `lastID` follows, so that the same query goes on where this one ended.
    ///   - onOpen: heald answers.
    ///   - take: its result says whether to go on.
    /// - Throws: `CommandFailure`, also where the connection is lost.
    public func events(
        _ query: inout EventsQuery, silence: Duration = ControlClient.silenceLongest, onOpen: () -> Void = {},
        take: (ServerEvent) -> Bool
    ) throws(CommandFailure) {
        guard query.path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            query.lastID.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw Self.noSuchName(query.component ?? "") }
        var head = "GET \(query.path) HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nConnection: close\r\n"
        if !query.lastID.isEmpty { head += "Last-Event-ID: \(query.lastID)\r\n" }
        do {
            var stream = try UnixStream(path: self.socketPath, timeout: .seconds(10))
            try stream.send(Array((head + "\r\n").utf8))
            var body = try self.beginning(of: &stream)
            onOpen()
            var chunks = ChunkedBody()
            var parser = ServerEventParser(lastID: query.lastID)
            while true {
                for event in try parser.take(chunks.take(body)) {
                    guard take(event) else { return }
                    query.lastID = event.lastID
                }
                query.lastID = parser.lastID
                if chunks.isWhole { return }
                stream.restartDeadline(silence)
                body = try stream.receive()
                guard !body.isEmpty else { throw UnixStream.Failure(call: "recv", errno: ECONNRESET) }
            }
        } catch let failure as UnixStream.Failure {
            throw self.unreachable(failure)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw Self.notUnderstood("the event stream is malformed")
        }
    }

    /// Reads the head of the answer.
    ///
    /// - Returns: what came of the body with it.
    /// - Throws: heald's refusal, where it is one.
    private func beginning(of stream: inout UnixStream) throws -> [UInt8] {
        var received: [UInt8] = []
        while received.count <= 1 << 20 {
            let part = try stream.receive()
            guard !part.isEmpty else { throw UnixStream.Failure(call: "recv", errno: ECONNRESET) }
            received += part
            guard let end = received.firstRange(of: Array("\r\n\r\n".utf8)) else { continue }
            let head = String(decoding: received[..<end.lowerBound], as: UTF8.self).lowercased()
            if head.hasPrefix("http/1.1 200 "), head.contains("\r\ntransfer-encoding: chunked") {
                return Array(received[end.upperBound...])
            }
            if let answer = try Self.parse(received, isWhole: false) {
                _ = try self.accepted(answer)
                throw Self.notUnderstood("there is no event stream")
            }
        }
        throw Self.notUnderstood("it is too large")
    }
}
