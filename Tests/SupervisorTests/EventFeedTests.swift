import Policy
import RecoveryEngine
import ResilienceCore
import Synchronization
import Testing

@testable import Supervisor

@Suite struct `The feed of events` {
    private static func batch(_ count: Int, alerts: [String] = []) -> AuditBatch {
        var batch = AuditBatch()
        batch.records = (0..<count).map { AuditRecord(at: wall(seconds: 1), .note("note \($0)")) }
        batch.alerts = alerts.map {
            AlertMessage(
                event: .healingFailed, component: "web", incident: 1, severity: .high, channels: [], text: $0,
                at: wall(seconds: 1))
        }
        return batch
    }

    private static func numbered(_ numbers: ClosedRange<Int64>) -> [NumberedRecord] {
        numbers.map { NumberedRecord(number: $0, record: AuditRecord(at: wall(seconds: 1), .note("earlier"))) }
    }

    private static func read(
        _ feed: EventFeed, from start: EventFeed.Start
    ) -> (gap: EventFeed.Gap?, ids: [Int64?]) {
        let (follower, begin, gap) = feed.follow(from: start) {}
        defer { feed.leave(follower) }
        var place = begin
        return (gap, feed.take(&place, most: 10_000).events.map(\.id))
    }

    @Test func `what is committed comes with its number, what is not does not come`() {
        let world = World()
        world.state.withLock { $0.lastNumber = 40 }
        let feed = EventFeed()
        var recorder = Recorder(store: world, feed: feed)
        _ = recorder.write(Self.batch(2), at: world.clock.now())
        world.commits(fail: DiskFull())
        _ = recorder.write(Self.batch(3), at: world.clock.now())
        #expect(Self.read(feed, from: .oldest).ids == [41, 42])
        // What waited is told when it is written, and not before.
        world.commits(fail: nil)
        world.clock.advance(by: .seconds(2))
        let isBack = recorder.retry(at: world.clock.now())
        #expect(isBack)
        #expect(Self.read(feed, from: .oldest).ids == [41, 42, 43, 44, 45])
    }

    @Test func `the loop tells of its commits, and wakes those who follow`() {
        let woken = Mutex(0)
        let world = World()
        let engine = ScriptedEngine()
        let feed = EventFeed()
        engine.answers { event, _ in event == unitFailed ? [note("first"), note("second")] : [] }
        let harness = LoopHarness(world: world, engine: engine, feed: feed)
        let (follower, begin, _) = feed.follow(from: .now) { woken.withLock { $0 += 1 } }
        defer { feed.leave(follower) }
        var place = begin
        harness.take(unitFailed)
        #expect(feed.take(&place, most: 10).events.map(\.text) == ["first", "second"])
        #expect(woken.withLock { $0 } == 1)
        harness.take(.unitsUnknown(why: "nothing is decided on it"))
        #expect(feed.take(&place, most: 10).events.isEmpty)
        #expect(woken.withLock { $0 } == 1)
    }

    @Test func `who goes on after a number gets what came after it`() {
        let feed = EventFeed()
        feed.publish(Self.batch(5), last: 5)
        #expect(Self.read(feed, from: .after(0)) == (nil, [1, 2, 3, 4, 5]))
        #expect(Self.read(feed, from: .after(3)) == (nil, [4, 5]))
        #expect(Self.read(feed, from: .after(5)) == (nil, []))
        #expect(Self.read(feed, from: .now) == (nil, []))
    }

    @Test func `a restart tears no gap, as far back as is kept`() {
        let feed = EventFeed()
        feed.begin(with: Self.numbered(101...110))
        feed.publish(Self.batch(1), last: 111)
        #expect(Self.read(feed, from: .after(108)) == (nil, [109, 110, 111]))
        #expect(Self.read(feed, from: .after(100)).gap == nil)
        let late = Self.read(feed, from: .after(90))
        #expect(late.gap == EventFeed.Gap(cause: .tooOld, missing: 91...100))
        #expect(late.ids.first == 101)
    }

    @Test func `the ring turns on, and who falls out of it is told what is missing`() throws {
        let feed = EventFeed()
        let (follower, begin, _) = feed.follow(from: .now) {}
        defer { feed.leave(follower) }
        var place = begin
        let count = Int64(EventFeed.capacity) + 30
        for number in 1...count { feed.publish(Self.batch(1), last: number) }
        let (gap, events) = feed.take(&place, most: 5)
        #expect(gap == EventFeed.Gap(cause: .tooSlow, missing: 1...30))
        #expect(events.map(\.id) == [31, 32, 33, 34, 35])
        #expect(feed.take(&place, most: 1).gap == nil)
        #expect(Self.read(feed, from: .oldest).ids.count == EventFeed.capacity)
        #expect(Self.read(feed, from: .after(29)).gap?.missing == 30...30)
        #expect(Self.read(feed, from: .after(30)).gap == nil)
    }

    @Test func `a trail that began anew is said, and its small numbers are no old ones`() {
        let feed = EventFeed()
        feed.publish(Self.batch(50), last: 50)
        let (follower, begin, _) = feed.follow(from: .now) {}
        defer { feed.leave(follower) }
        var place = begin
        feed.publish(Self.batch(2), last: 3)
        let (gap, events) = feed.take(&place, most: 10)
        #expect(gap == EventFeed.Gap(cause: .newTrail, missing: nil))
        #expect(events.map(\.id) == [2, 3])
        #expect(place.number == 3)
        let resumed = Self.read(feed, from: .after(50))
        #expect(resumed.gap?.cause == .newTrail && resumed.ids == [2, 3])
    }

    @Test func `messages stand before the last record of their batch, so that none is missed`() {
        let feed = EventFeed()
        feed.publish(Self.batch(2, alerts: ["help"]), last: 2)
        #expect(Self.read(feed, from: .oldest).ids == [1, nil, 2])
        #expect(Self.read(feed, from: .after(1)).ids == [nil, 2])
        feed.publish(Self.batch(0, alerts: ["more"]), last: 2)
        #expect(Self.read(feed, from: .after(2)).ids == [nil])
    }

    @Test func `what programs said and operators wrote stands apart, evidence not at all`() {
        func event(_ body: AuditRecord.Body) -> FeedEvent {
            FeedEvent(
                NumberedRecord(
                    number: 1, record: AuditRecord(at: wall(seconds: 1), component: "web", incident: 4, body)))
        }
        let secret = "token=abc"
        let bodies: [AuditRecord.Body] = [
            .actionFinished(id: 1, ActionOutcome(.failed, detail: secret)),
            .verification(action: 1, succeeded: false, detail: secret), .evidence(kind: .journal, text: secret),
            .actionSkipped(id: 1, action: "EXEC", attempt: 1, step: 0, why: secret),
            .paused(until: wall(seconds: 2), by: secret, reason: secret), .resumed(by: secret),
            .approvalDecided(id: 1, .denied, by: secret, why: secret),
        ]
        for body in bodies {
            let open = event(body).withoutDetail
            #expect(open.detail == nil)
            #expect(!open.text.contains(secret) && !open.facts.values.contains { $0.contains(secret) }, "\(body)")
        }
        #expect(event(bodies[0]).detail == secret)
        #expect(event(bodies[2]).detail == nil)
    }

    @Test func `every kind of record has its words, safe to print`() {
        let hostile = "a\u{1B}[31mb\u{202E}c\nd" + String(repeating: "x", count: 5_000)
        let event = FeedEvent(
            NumberedRecord(number: 1, record: AuditRecord(at: wall(seconds: 1), .note(hostile))))
        #expect(!event.text.contains("\u{1B}") && !event.text.contains("\n") && !event.text.contains("\u{202E}"))
        #expect(event.text.utf8.count <= 1_024)
    }
}
