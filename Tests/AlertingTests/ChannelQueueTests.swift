import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Alerting

@Suite struct ChannelQueueTests {
    private static let webhook = Channel(name: "oncall", kind: .webhook(url: "http://x", secretFile: nil))
    private var queue = ChannelQueue(channel: webhook, host: "web1", seed: 7)
    private var now = MonotonicInstant(nanoseconds: 0)

    private mutating func add(_ message: AlertMessage, id: Int64? = 1) {
        _ = self.queue.enqueue(QueuedAlert(id: id, message: message, arrivedAt: self.now))
    }

    /// Moves on to when the next group is due, and takes it.
    private mutating func takeGroup() throws -> AlertGroup {
        while true {
            switch self.queue.next(at: self.now) {
            case .send(let group): return group
            case .wait(let until):
                try #require(until > self.now)
                self.now = until
            case .idle: throw TimedOut()
            }
        }
    }

    @Test mutating func `the first alert waits for others as long as groupWait says`() throws {
        self.add(alert("one"), id: 1)
        #expect(self.queue.next(at: self.now) == .wait(until: self.now + .seconds(5)))
        self.now = self.now + .milliseconds(4_999)
        self.add(alert("two", incident: 2), id: 2)
        #expect(self.queue.next(at: self.now) == .wait(until: MonotonicInstant(nanoseconds: 5_000_000_000)))
        self.now = self.now + .milliseconds(1)
        guard case .send(let group) = self.queue.next(at: self.now) else {
            Issue.record("no group is sent at the end of groupWait")
            return
        }
        #expect(group.alerts.map(\.id) == [1, 2])
        #expect(self.queue.next(at: self.now) == .idle, "nothing more while a group is under way")
    }

    @Test mutating func `a thousand failures at once are at most ten messages and lose no critical one`() throws {
        for number in 1...1_000 {
            let severity: Severity = number.isMultiple(of: 97) ? .critical : .high
            self.add(alert("failure \(number)", incident: Int64(number), severity: severity), id: Int64(number))
        }
        var groups: [AlertGroup] = []
        while !self.queue.waiting.isEmpty {
            groups.append(try self.takeGroup())
            _ = self.queue.finish(.delivered, at: self.now)
        }
        #expect((1...10).contains(groups.count), "\(groups.count) messages")
        #expect(groups.flatMap(\.alerts).map(\.id) == (1...1_000).map { Int64($0) })
    }

    @Test mutating func `a failure each second for a thousand seconds is at most ten messages`() throws {
        var groups: [AlertGroup] = []
        for second in 0..<1_000 {
            let instant = MonotonicInstant(nanoseconds: Int64(second) * 1_000_000_000)
            while case .send(let group) = self.queue.next(at: instant) {
                groups.append(group)
                _ = self.queue.finish(.delivered, at: instant)
            }
            self.now = instant
            self.add(alert("failure \(second)", incident: Int64(second)), id: Int64(second))
        }
        groups.append(try self.takeGroup())
        #expect((2...10).contains(groups.count), "\(groups.count) messages")
        #expect(groups.flatMap(\.alerts).map(\.id) == (0..<1_000).map { Int64($0) })
    }

    @Test mutating func `in a flood something critical waits a minute at most`() throws {
        for number in 0..<12 {
            self.add(alert("\(number)", incident: Int64(number)))
            _ = try self.takeGroup()
            _ = self.queue.finish(.delivered, at: self.now)
        }
        self.add(alert("noise", incident: 100))
        guard case .wait(let patient) = self.queue.next(at: self.now) else { throw TimedOut() }
        #expect(patient - self.now == .seconds(300))
        self.add(alert("serious", incident: 101, severity: .critical))
        guard case .wait(let urgent) = self.queue.next(at: self.now) else { throw TimedOut() }
        #expect(urgent - self.now == .seconds(60))
    }

    @Test mutating func `after quiet minutes an alert waits only groupWait again`() throws {
        for number in 0..<4 {
            self.add(alert("\(number)", incident: Int64(number)))
            _ = try self.takeGroup()
            _ = self.queue.finish(.delivered, at: self.now)
        }
        self.now = self.now + .seconds(4 * 60)
        self.add(alert("later", incident: 9))
        #expect(self.queue.next(at: self.now) == .wait(until: self.now + .seconds(5)))
    }

    @Test mutating func `a group that fails stays first and takes newcomers behind it`() throws {
        self.add(alert("one"), id: 1)
        _ = try self.takeGroup()
        self.add(alert("two", incident: 2), id: 2)
        let settlement = self.queue.finish(.retry(reason: "down"), at: self.now)
        #expect(settlement.delivered.isEmpty && settlement.failed.map(\.id) == [1] && settlement.failures == 1)
        let group = try self.takeGroup()
        #expect(group.alerts.map(\.id) == [1, 2])
        #expect(group.alerts.map(\.attempts) == [1, 0])
    }

    @Test mutating func `waits between attempts double up to five minutes, jittered by a quarter`() throws {
        self.add(alert("one"))
        var waits: [Duration] = []
        for _ in 0..<14 {
            _ = try self.takeGroup()
            let settlement = self.queue.finish(.retry(reason: "down"), at: self.now)
            waits.append(try #require(settlement.nextAttempt) - self.now)
        }
        for (index, wait) in waits.enumerated() {
            let planned = min(Double(1 << index), 300)
            #expect(
                wait.inSeconds >= planned * 0.75 && wait.inSeconds <= planned * 1.25, "attempt \(index + 1): \(wait)")
        }
        #expect(waits.suffix(4).contains { $0 != waits.last }, "no jitter")
    }

    @Test mutating func `Retry-After is honoured, an hour at most`() throws {
        self.add(alert("one"))
        _ = try self.takeGroup()
        let first = self.queue.finish(.retry(reason: "429", after: .seconds(120)), at: self.now)
        #expect(first.nextAttempt == self.now + .seconds(120))
        _ = try self.takeGroup()
        let second = self.queue.finish(.retry(reason: "429", after: .seconds(999_999)), at: self.now)
        #expect(second.nextAttempt == self.now + .seconds(3_600))
    }

    @Test mutating func `past the bound the oldest that is not critical is dropped, and the next group says so`() throws
    {
        self.add(alert("critical", incident: 0, severity: .critical), id: 0)
        var pushedOut: [QueuedAlert] = []
        for number in 1...1_009 {
            let message = alert("\(number)", incident: Int64(number))
            pushedOut += self.queue.enqueue(QueuedAlert(id: Int64(number), message: message, arrivedAt: self.now))
        }
        #expect(pushedOut.map(\.id) == (1...10).map { Int64($0) })
        #expect(self.queue.waiting.count == 1_000)
        let group = try self.takeGroup()
        #expect(group.dropped == 10)
        #expect(group.alerts.first?.id == 0)
        _ = self.queue.finish(.delivered, at: self.now)
        #expect(try self.takeGroup().dropped == 0)
    }

    @Test mutating func `critical alerts have a bound of their own, ten times as high`() throws {
        var pushedOut: [QueuedAlert] = []
        for number in 1...10_001 {
            let message = alert("\(number)", incident: Int64(number), severity: .critical)
            pushedOut += self.queue.enqueue(QueuedAlert(id: Int64(number), message: message, arrivedAt: self.now))
        }
        #expect(pushedOut.map(\.id) == [1])
    }

    @Test mutating func `what is under way is not dropped`() throws {
        self.add(alert("under way", incident: 0), id: 0)
        _ = try self.takeGroup()
        var pushedOut: [QueuedAlert] = []
        for number in 1...1_000 {
            let message = alert("\(number)", incident: Int64(number))
            pushedOut += self.queue.enqueue(QueuedAlert(id: Int64(number), message: message, arrivedAt: self.now))
        }
        #expect(pushedOut.map(\.id) == [1])
        #expect(self.queue.finish(.delivered, at: self.now).delivered.map(\.id) == [0])
    }

    @Test mutating func `one alert that is refused is found among many and given up alone`() throws {
        for number in 1...100 { self.add(alert("\(number)", incident: Int64(number)), id: Int64(number)) }
        let guilty: Int64 = 37
        var delivered: [Int64?] = []
        var givenUp: [QueuedAlert] = []
        var attempts = 0
        while !self.queue.waiting.isEmpty {
            attempts += 1
            try #require(attempts < 100)
            let group = try self.takeGroup()
            let isRefused = group.alerts.contains { $0.id == guilty }
            let settlement = self.queue.finish(
                isRefused ? .refused(reason: "400", isAboutMessage: true) : .delivered, at: self.now)
            delivered += settlement.delivered.map(\.id)
            givenUp += settlement.givenUp
        }
        #expect(givenUp.map(\.id) == [guilty])
        #expect(givenUp.map(\.attempts) == [5])
        #expect(delivered == (1...100).map { Int64($0) }.filter { $0 != guilty })
    }

    @Test
    mutating func
        `a channel that refuses everything is given up after ten attempts, but a critical alert is kept a day`()
        throws
    {
        self.add(alert("minor"), id: 1)
        self.add(alert("serious", incident: 2, severity: .critical), id: 2)
        let began = self.now
        var givenUpAt: [Int64: (attempt: Int, after: Duration)] = [:]
        var attempt = 0
        while !self.queue.waiting.isEmpty {
            attempt += 1
            try #require(attempt < 1_000)
            _ = try self.takeGroup()
            let settlement = self.queue.finish(.refused(reason: "401", isAboutMessage: false), at: self.now)
            for alert in settlement.givenUp { givenUpAt[alert.id ?? 0] = (attempt, self.now - began) }
        }
        #expect(givenUpAt[1]?.attempt == 10)
        let kept = try #require(givenUpAt[2]?.after)
        #expect(kept >= .seconds(86_400) && kept < .seconds(86_400 + 400), "\(kept)")
    }

    @Test mutating func `an incident that stays open is told again every repeat until it is resolved`() throws {
        self.add(alert("down"), id: 1)
        _ = try self.takeGroup()
        _ = self.queue.finish(.delivered, at: self.now)
        let told = self.now
        let again = try self.takeGroup()
        #expect(self.now == told + .seconds(4 * 3_600) + .seconds(5), "repetitions are grouped, too")
        #expect(again.alerts.map(\.isRepeat) == [true] && again.alerts.map(\.id) == [nil])
        _ = self.queue.finish(.delivered, at: self.now)
        self.queue.resolve(incident: 1)
        #expect(self.queue.next(at: self.now + .seconds(999_999)) == .idle)
    }

    @Test mutating func `repetition ends after fifty times`() throws {
        self.add(alert("down"), id: 1)
        var groups = 0
        while case .some(let group) = try? self.takeGroup() {
            groups += 1
            #expect(group.alerts.count == 1)
            try #require(groups <= 60)
            _ = self.queue.finish(.delivered, at: self.now)
        }
        #expect(groups == 51)
    }

    @Test mutating func `nothing is repeated where its resolved already waits behind it`() throws {
        self.add(alert("down"), id: 1)
        _ = try self.takeGroup()
        self.queue.resolve(incident: 1)
        self.add(alert("up", .resolved), id: 2)
        _ = self.queue.finish(.delivered, at: self.now)
        _ = try self.takeGroup()
        _ = self.queue.finish(.delivered, at: self.now)
        #expect(self.queue.next(at: self.now + .seconds(999_999)) == .idle)
    }

    @Test mutating func `the same alert of the same incident counts as told only within repeat`() throws {
        self.add(alert("down"), id: 1)
        #expect(self.queue.hasTold(alert("down"), at: self.now), "it waits")
        _ = try self.takeGroup()
        _ = self.queue.finish(.delivered, at: self.now)
        #expect(self.queue.hasTold(alert("down"), at: self.now + .seconds(4 * 3_600 - 1)))
        #expect(!self.queue.hasTold(alert("down"), at: self.now + .seconds(4 * 3_600)))
        #expect(!self.queue.hasTold(alert("down still"), at: self.now))
        #expect(!self.queue.hasTold(alert("down", incident: 2), at: self.now))
        #expect(!self.queue.hasTold(alert("down", severity: .critical), at: self.now))
        #expect(!self.queue.hasTold(alert("down", incident: nil), at: self.now))
    }

    @Test mutating func `a channel that was mended by a reload is tried at once`() throws {
        self.add(alert("one"))
        for _ in 0..<8 {
            _ = try self.takeGroup()
            _ = self.queue.finish(.refused(reason: "404", isAboutMessage: false), at: self.now)
        }
        self.queue.update(Channel(name: "oncall", kind: .webhook(url: "http://y", secretFile: nil)))
        guard case .send(let group) = self.queue.next(at: self.now) else { throw TimedOut() }
        #expect(group.alerts.map(\.attempts) == [0])
    }
}
