import Foundation
import GRDB
import Resilience
import ResilienceCore
import ResilienceGRDB
import Testing

@Suite struct DatabaseClassifierTests {
    private let classifier = DatabaseClassifier()
    private let directory: URL

    init() throws {
        self.directory = FileManager.default.temporaryDirectory.appending(path: "resilience-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
    }

    private func path(_ name: String) -> String { self.directory.appending(path: name).path }

    private func reason(_ body: () throws -> Void) -> FailureReason? {
        defer { try? FileManager.default.removeItem(at: self.directory) }
        do { try body() } catch { return self.classifier.classify(error)?.reason }
        Issue.record("did not fail")
        return nil
    }

    @Test func `a database that is in use is tried again until it is free`() throws {
        defer { try? FileManager.default.removeItem(at: self.directory) }
        let first = try DatabaseQueue(path: self.path("a.db"))
        let second = try DatabaseQueue(path: self.path("a.db"))
        let settings = try RetrySettings(
            attempts: 3, wait: RetryWait(.constant, initial: .nanoseconds(1), max: .nanoseconds(1), jitter: .none))
        let retry = Retry(settings, clock: SuspendingClock(), classifier: self.classifier)
        try first.inDatabase { database in
            try database.execute(sql: "BEGIN EXCLUSIVE")
            try retry.call("write") { (context: CallContext) in
                if context.attempt == 3 { try database.execute(sql: "COMMIT") }
                try second.inDatabase { try $0.execute(sql: "CREATE TABLE t (a)") }
                #expect(context.attempt == 3)
            }
        }
    }

    @Test func `a broken constraint is the request's fault`() {
        #expect(
            self.reason {
                try DatabaseQueue().inDatabase {
                    try $0.execute(sql: "CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)")
                }
            } == .invalidRequest)
    }

    @Test func `a file that is no database is damaged data`() {
        #expect(
            self.reason {
                try Data(repeating: 7, count: 4_096).write(to: URL(filePath: self.path("b.db")))
                _ = try DatabaseQueue(path: self.path("b.db")).inDatabase {
                    try Int.fetchOne($0, sql: "SELECT 1 FROM t")
                }
            } == .checksum)
    }

    @Test func `a place where no database can be is a matter of settings`() {
        #expect(self.reason { _ = try DatabaseQueue(path: self.path("none/c.db")) } == .misconfigured)
    }

    @Test func `other errors are not known`() {
        #expect(self.classifier.classify(CancellationError()) == nil)
    }
}
