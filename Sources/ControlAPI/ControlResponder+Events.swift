import HTTPTypes
import Hummingbird
import NIOCore
import Supervisor

/// GET /v1/events: what happens, as it is written down.
extension ControlResponder {
    func stream(_ request: Request, _ context: ControlContext, _ caller: Caller) async throws -> Response {
        let query = try EventQuery(request)
        if let component = query.component { try await self.requireKnown(component, caller) }
        guard let place = self.streams.place(for: caller) else { throw ControlRefusal.tooManyStreams() }
        let stream = EventStream(
            feed: self.control.events, query: query, showsDetail: caller.mayChange, limits: self.limits,
            channel: context.channel)
        let headers: HTTPFields = [
            .contentType: ServerSentEvents.contentType, .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
            // What the client may send after its request is not read as another one.
            .connection: "close",
        ]
        let body = ResponseBody { [streams] writer in
            _ = try await request.body.consumeWithInboundCloseHandler { _ in
                try await streams.run(stream) { try await stream.run { try await writer.write($0) } }
            } onInboundClosed: {
                stream.end(.clientGone)
            }
            try await writer.finish(nil)
            withExtendedLifetime(place) {}
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// A mistyped name would wait for ever.
    private func requireKnown(_ component: String, _ caller: Caller) async throws {
        let known = try await self.reading(for: caller).status.components.map(\.name)
        guard known.contains(component) else { throw ControlRefusal.noSuchComponent(component, known: known) }
    }
}

extension ControlRefusal {
    static func tooManyStreams() -> Self {
        Self(
            status: .serviceUnavailable, error: "There are too many event streams.",
            why: "So many are open already, for all of your kind or for you, that there is no place left.",
            fix: "End one, or read /v1/status now and then.")
    }
}
