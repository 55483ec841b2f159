import Glibc
import Resilience
import ResilienceCore
import Testing

private struct System: ErrnoError { var errnoCode: Int32 }
private struct Database: SQLiteError { var sqliteCode: Int32 }

@Suite struct ClassifierTests {
    private let standard = StandardClassifier()

    @Test(arguments: [
        (400, FailureReason.invalidRequest, FailureCategory.permanent), (401, .authError, .authentication),
        (403, .authError, .authentication), (404, .notFound, .permanent), (408, .timeout, .transient),
        (422, .invalidRequest, .permanent), (429, .rateLimit, .rateLimit), (500, .serverError, .transient),
        (501, .invalidRequest, .permanent), (502, .serverError, .transient), (503, .serverError, .transient),
        (504, .serverError, .transient), (599, .serverError, .transient),
    ]) func `S1: an HTTP status has a reason and one of the six categories`(
        status: Int, reason: FailureReason, category: FailureCategory
    ) {
        let known = self.standard.classify(Answered(httpStatus: status))
        #expect(known?.reason == reason)
        #expect(known?.reason.category == category)
    }

    @Test(arguments: [0, 100, 200, 301, 399, 600, -1, Int.max]) func `a status that is no failure is not known`(
        status: Int
    ) {
        #expect(self.standard.classify(Answered(httpStatus: status)) == nil)
    }

    @Test(arguments: [
        (ECONNREFUSED, FailureReason.connection), (ECONNRESET, .connection), (EPIPE, .connection),
        (EHOSTUNREACH, .connection), (ETIMEDOUT, .timeout), (EMFILE, .resource), (ENOSPC, .resource),
        (EACCES, .authError), (ENOENT, .notFound), (EINVAL, .invalidRequest), (EADDRINUSE, .misconfigured),
        (EIO, .serverError), (0, .other), (-1, .other), (Int32.max, .other),
    ]) func `an errno has a reason`(code: Int32, reason: FailureReason) {
        #expect(self.standard.classify(System(errnoCode: code))?.reason == reason)
    }

    @Test(arguments: [
        (Int32(5), FailureReason.connection), (261, .connection), (6, .connection), (9, .timeout), (10, .serverError),
        (13, .resource), (23, .authError), (11, .checksum), (14, .misconfigured), (19, .invalidRequest),
        (2_067, .invalidRequest), (2, .other), (-1, .other), (Int32.max, .other),
    ]) func `a code of SQLite has a reason`(code: Int32, reason: FailureReason) {
        #expect(self.standard.classify(Database(sqliteCode: code))?.reason == reason)
    }

    @Test(arguments: [Int32(0), 100, 101]) func `a code of SQLite that is no failure is not known`(code: Int32) {
        #expect(self.standard.classify(Database(sqliteCode: code)) == nil)
    }

    @Test func `S1: each of the six categories has its reasons`() {
        let categories = Dictionary(grouping: FailureReason.allCases, by: \.category)
        #expect(Set(categories.keys) == Set(FailureCategory.allCases))
        #expect(
            FailureCategory.allCases.map(\.rawValue).sorted()
                == ["AUTHENTICATION", "DATA_VALIDATION", "PERMANENT", "RATE_LIMIT", "TRANSIENT", "UNKNOWN"])
    }

    @Test func `Retry-After comes with the classification`() {
        #expect(self.standard.classify(Answered(httpStatus: 503, retryAfter: .seconds(7)))?.retryAfter == .seconds(7))
    }

    @Test func `a classifier is asked about the error below ours, and another one where it does not know`() async throws
    {
        let own = ClosureClassifier { $0 is Down ? Classification(.checksum, isWorthRetrying: true) : nil }
        let both = own.or(StandardClassifier())
        #expect(both.classify(Answered(httpStatus: 404))?.reason == .notFound)
        let pipeline = try Pipeline(
            "db", clock: TestClock(), stages: [.bulkhead(try Bulkhead(concurrency: 1))], classifier: both)
        do throws(CallError) {
            try await pipeline.call("read") { _ in throw Down() }
        } catch {
            #expect(error.reason == .checksum)
            #expect(error.category == .dataValidation)
        }
    }

    @Test func `severity: what the caller did wrong does not count, what nobody knows counts as high`() {
        #expect(self.standard.severity(of: Down()) == .high)
        #expect(self.standard.severity(of: Answered(httpStatus: 503)) == .high)
        #expect(self.standard.severity(of: Answered(httpStatus: 429)) == .medium)
        #expect(self.standard.severity(of: Answered(httpStatus: 404)) == nil)
    }
}
