import NIOCore
import Supervisor
import Synchronization

/// One client that listens. Takes from the feed what its client can take, and never keeps the feed waiting.
final class EventStream: Sendable {
    enum End: Sendable {
        /// Nobody is there to be told anything.
        case clientGone
        case shutdown
    }

    /// Events that are put into words and written in one part.
    private static let partMost = 64

    private let feed: EventFeed
    private let query: EventQuery
    private let showsDetail: Bool
    private let limits: ControlLimits
    private let channel: any Channel
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation
    private let state = Mutex((ending: End?.none, isQuiet: false))

    init(feed: EventFeed, query: EventQuery, showsDetail: Bool, limits: ControlLimits, channel: any Channel) {
        self.feed = feed
        self.query = query
        self.showsDetail = showsDetail
        self.limits = limits
        self.channel = channel
        (self.signals, self.signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Ends it, from any thread. A part that its client does not take is given up by the server's own end.
    func end(_ end: End) {
        self.state.withLock { $0.ending = $0.ending ?? end }
        self.signal.yield()
    }

    /// Writes until the client is gone, the server ends, or there is nothing more that was asked for.
    func run(_ write: (ByteBuffer) async throws -> Void) async throws {
        let ticking = self.channel.eventLoop.scheduleRepeatedTask(
            initialDelay: TimeAmount(self.limits.streamKeepAlive), delay: TimeAmount(self.limits.streamKeepAlive)
        ) { [weak self] _ in
            self?.state.withLock { $0.isQuiet = true }
            self?.signal.yield()
        }
        defer { ticking.cancel() }
        let (follower, begin, gap) = self.feed.follow(from: self.query.start) { [signal] in signal.yield() }
        defer { self.feed.leave(follower) }
        var opening = ServerSentEvents.beginning(goOnAfter: begin.number)
        if let gap { opening += try ServerSentEvents.gap(gap, goOnAfter: begin.number) }
        try await write(ByteBuffer(bytes: opening))
        try await self.follow(from: begin, write)
    }

    private func follow(from begin: EventFeed.Place, _ write: (ByteBuffer) async throws -> Void) async throws {
        let clock = ContinuousClock()
        let endsAt = clock.now + self.limits.streamLongest
        var place = begin
        var signals = self.signals.makeAsyncIterator()
        while true {
            let (gap, events) = self.feed.take(&place, most: Self.partMost)
            let (ending, isQuiet) = self.state.withLock { state in
                defer { state.isQuiet = false }
                return (state.ending, state.isQuiet)
            }
            var part: [UInt8] = []
            var isLast = true
            if let gap {
                part =
                    try ServerSentEvents.gap(gap, goOnAfter: place.number) + ServerSentEvents.end("You were too slow.")
            } else if let ending {
                if ending == .shutdown { part = try ServerSentEvents.end("heald ends.") }
            } else {
                for event in events where self.query.wants(event) {
                    part += try ServerSentEvents.event(self.showsDetail ? event : event.withoutDetail)
                }
                isLast = events.isEmpty && !self.query.follows
                if events.isEmpty, clock.now >= endsAt {
                    part = try ServerSentEvents.end("No stream is longer.")
                    isLast = true
                } else if part.isEmpty, isQuiet, !isLast {
                    part = ServerSentEvents.keepAlive
                }
            }
            if !part.isEmpty { try await write(ByteBuffer(bytes: part)) }
            if isLast { return }
            // A full part may not have been all there was.
            if events.isEmpty, await signals.next() == nil { return }
        }
    }
}
