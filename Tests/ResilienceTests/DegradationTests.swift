import Foundation
import Glibc
import Resilience
import ResilienceCore
import Testing

/// A directory of its own in which a supervisor would publish.
private final class Published {
    let directory = FileManager.default.temporaryDirectory.appending(path: "degradation-\(UUID().uuidString)").path
    var path: String { self.directory + "/degradation.json" }

    init() throws { try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: self.directory) }

    /// As a supervisor does: written beside, then renamed.
    func write(_ text: String, writtenAgo age: Int = 0) throws {
        let beside = self.directory + "/.new"
        try Data(text.utf8).write(to: URL(filePath: beside))
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var times = [timespec](repeating: timespec(tv_sec: now.tv_sec - age, tv_nsec: now.tv_nsec), count: 2)
        #expect(utimensat(AT_FDCWD, beside, &times, 0) == 0)
        #expect(rename(beside, self.path) == 0)
    }

    func write(_ level: DegradationLevel, _ features: [String: Bool] = [:], writtenAgo age: Int = 0) throws {
        let notice = DegradationNotice(level: level, features: features)
        try self.write(String(decoding: JSONEncoder().encode(notice), as: UTF8.self), writtenAgo: age)
    }
}

@Suite struct DegradationTests {
    private let published: Published
    private let clock = TestClock()
    init() throws { self.published = try Published() }

    private func client(defaults: [String: Bool] = [:]) throws -> DegradationClient<TestClock> {
        try DegradationClient(path: self.published.path, clock: self.clock, defaults: defaults)
    }

    @Test func `S3: features are switched off as the supervisor says, and on again`() throws {
        try self.published.write(
            #"{"version": 1, "level": "DEGRADED", "features": {"recommendations": false}, "since": 7}"#)
        let features = try self.client(defaults: ["telemetry": false])
        #expect(features.level == .degraded)
        #expect(features.state.isKnown && features.state.problem == nil)
        #expect(!features.isOn("recommendations"))
        #expect(features.isOn("orders"))
        #expect(!features.isOn("telemetry"))

        try self.published.write(.minimal, ["recommendations": false, "search": false, "telemetry": true])
        self.clock.advance(by: .milliseconds(499))
        #expect(features.level == .degraded)
        self.clock.advance(by: .milliseconds(1))
        #expect(features.level == .minimal)
        #expect(!features.isOn("search"))
        #expect(features.isOn("telemetry"))

        try self.published.write(.normal)
        self.clock.advance(by: .milliseconds(500))
        #expect(features.level == .normal)
        #expect(features.isOn("recommendations"))
        #expect(features.state.isKnown)
    }

    @Test func `without a file everything goes by its default`() throws {
        let features = try self.client(defaults: ["telemetry": false])
        #expect(features.state.problem == .missing && !features.state.isKnown)
        #expect(features.level == .normal)
        #expect(features.isOn("recommendations"))
        #expect(!features.isOn("telemetry"))
    }

    @Test func `news that are not written anew hold for 30 s, then the defaults`() throws {
        try self.published.write(.emergency, ["search": false, "telemetry": true])
        let features = try self.client(defaults: ["telemetry": false])
        self.clock.advance(by: .seconds(20))
        #expect(features.level == .emergency && features.state.problem == nil)
        self.clock.advance(by: .seconds(10))
        #expect(features.state.problem == .stale && !features.state.isKnown)
        #expect(features.level == .normal)
        #expect(features.isOn("search"))
        #expect(!features.isOn("telemetry"))
        // The same words, written anew.
        try self.published.write(.emergency, ["search": false, "telemetry": true])
        self.clock.advance(by: .milliseconds(500))
        #expect(features.level == .emergency)
    }

    @Test func `what was written long before the first look is stale already`() throws {
        try self.published.write(.emergency, writtenAgo: 31)
        #expect(try self.client().state.problem == .stale)
        try self.published.write(.emergency, writtenAgo: 20)
        let features = try self.client()
        #expect(features.level == .emergency)
        self.clock.advance(by: .seconds(10))
        #expect(features.level == .normal)
    }

    @Test func `a clock that was set back makes nothing fresh for longer`() throws {
        try self.published.write(.emergency, writtenAgo: -86_400)
        let features = try self.client()
        #expect(features.level == .emergency)
        self.clock.advance(by: .seconds(30))
        #expect(features.state.problem == .stale)
    }

    @Test(arguments: [
        "", "{", "[]", #"{"version": 2, "level": "NORMAL"}"#, #"{"version": 1, "level": "SUPER"}"#,
        #"{"version": 1}"#, #"{"version": 1, "level": "NORMAL", "features": {"a": "off"}}"#,
        String(repeating: "[", count: 60_000),
        #"{"version": 1, "level": "NORMAL", "features": {"\#(String(repeating: "a", count: 70_000))": true}}"#,
    ]) func `damaged news leave the last good ones in force until they are stale`(text: String) throws {
        try self.published.write(.degraded, ["search": false])
        let features = try self.client()
        try self.published.write(text)
        self.clock.advance(by: .seconds(1))
        #expect(features.state.problem == .malformed && features.state.isKnown)
        #expect(features.level == .degraded)
        #expect(!features.isOn("search"))
        self.clock.advance(by: .seconds(29))
        #expect(features.state.problem == .malformed && !features.state.isKnown)
        #expect(features.isOn("search"))
        try self.published.write(.minimal)
        self.clock.advance(by: .seconds(1))
        #expect(features.level == .minimal && features.state.problem == nil)
    }

    @Test func `the largest file that may be is read`() throws {
        let start = #"{"version": 1, "level": "MINIMAL", "features": {}"#
        try self.published.write(start + String(repeating: " ", count: 65_536 - start.utf8.count - 1) + "}")
        #expect(try self.client().level == .minimal)
    }

    @Test func `what is no file is not waited for`() throws {
        #expect(mkfifo(self.published.path, 0o600) == 0)
        #expect(try self.client().state.problem == .unreadable(errno: EINVAL))
        #expect(
            try DegradationClient(path: self.published.directory, clock: self.clock).state.problem
                == .unreadable(errno: EINVAL))
        #expect(
            try DegradationClient(path: self.published.path + "/below", clock: self.clock).state.problem == .missing)
    }

    @Test func `a file that is gone leaves the last good news in force until they are stale`() throws {
        try self.published.write(.degraded)
        let features = try self.client()
        #expect(unlink(self.published.path) == 0)
        self.clock.advance(by: .seconds(1))
        #expect(features.level == .degraded && features.state.problem == .missing)
        self.clock.advance(by: .seconds(29))
        #expect(features.level == .normal)
    }

    @Test func `changes are followed while somebody asks, and end with who does`() async throws {
        let clock = ManualClock()
        try self.published.write(.normal)
        let features = try DegradationClient(path: self.published.path, clock: clock)
        let (levels, continuation) = AsyncStream.makeStream(of: DegradationLevel?.self)
        let task = Task {
            for await state in features.changes { continuation.yield(state.isKnown ? state.level : nil) }
            continuation.finish()
        }
        var seen = levels.makeAsyncIterator()
        #expect(await seen.next() == .normal)
        await clock.sleeping(1)
        // Nothing new: nothing is told.
        clock.advance(by: .milliseconds(500))
        await clock.sleeping(1)
        try self.published.write(.degraded, ["search": false])
        clock.advance(by: .milliseconds(500))
        #expect(await seen.next() == .degraded)
        await clock.sleeping(1)
        clock.advance(by: .seconds(30))
        #expect(await seen.next() == .some(nil))
        await clock.sleeping(1)
        task.cancel()
        #expect(await seen.next() == nil)
        #expect(clock.sleepers == 0)
    }

    @Test func `S3: retries follow the level that is published`() async throws {
        try self.published.write(.degraded)
        let features = try self.client()
        let retry = Retry(.database, clock: self.clock, level: { features.level })
        func tries() async -> Int? {
            await #expect(throws: CallError.self) {
                try await retry.call { _ in throw Answered(httpStatus: 503) }
            }?.context.attempt
        }
        #expect(await tries() == 2)
        try self.published.write(.emergency)
        self.clock.advance(by: .seconds(1))
        #expect(await tries() == 1)
        self.clock.advance(by: .seconds(30))
        #expect(await tries() == 3)
    }

    @Test func `many ask at once while it changes, and each gets one state or the other`() async throws {
        try self.published.write(.degraded, ["search": false])
        let features = try self.client()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { [clock] in
                    for _ in 0..<200 {
                        clock.advance(by: .milliseconds(10))
                        let state = features.state
                        #expect(state.isOn("search") == (state.level == .normal))
                    }
                }
            }
            for _ in 0..<50 {
                try? self.published.write(.normal)
                try? self.published.write(.degraded, ["search": false])
            }
        }
        self.clock.advance(by: .seconds(1))
        #expect(features.level == .degraded)
    }

    @Test func `times that cannot be are refused`() {
        #expect(throws: SettingsError.self) { try DegradationClient(clock: self.clock, staleAfter: .zero) }
        #expect(throws: SettingsError.self) { try DegradationClient(clock: self.clock, lookEvery: .seconds(-1)) }
        #expect(throws: SettingsError.self) {
            try DegradationClient(clock: self.clock, staleAfter: .seconds(1), lookEvery: .seconds(1))
        }
    }
}
