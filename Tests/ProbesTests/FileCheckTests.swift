import Glibc
import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Probes

@Suite(.timeLimit(.minutes(1))) struct FileCheckTests {
    let prober: SystemProber
    let directory: TestDirectory
    init() throws {
        self.prober = try SystemProber()
        self.directory = try TestDirectory()
    }

    private func look(_ check: FileCheck, timeout: Duration = .seconds(3)) async -> CheckResult {
        await self.prober.result(of: .file(check), timeout: timeout)
    }

    /// The SHA-256 of "abc": FIPS 180-4's own example.
    private static let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    @Test func `a file that is there, fresh, of a size and of a content is up`() async throws {
        let path = try self.directory.file("f", "abc")
        let check = FileCheck(path: path, maxAge: .seconds(60), minSize: 3, maxSize: 3, sha256: Self.abc)
        #expect(await self.look(check).verdict == .up)
        // Again, from what was remembered.
        #expect(await self.look(check).verdict == .up)
        symlink(path, "\(self.directory.path)/link")
        #expect(await self.look(FileCheck(path: "\(self.directory.path)/link")).verdict == .up)
    }

    @Test func `a file that is not there, or is none, is down as not found`() async throws {
        let base = self.directory.path
        let none = await self.look(FileCheck(path: "\(base)/none"))
        #expect(none.failure == Failure(reason: .notFound, message: "there is no file \(base)/none"))
        let directory = await self.look(FileCheck(path: base))
        #expect(
            directory.failure
                == Failure(reason: .notFound, message: "there is no regular file \(base), but a directory"))
        symlink("\(base)/circle", "\(base)/circle")
        #expect(await self.look(FileCheck(path: "\(base)/circle")).reason == .notFound)
    }

    @Test func `a pipe without a writer holds nobody up`() async throws {
        let pipe = "\(self.directory.path)/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        let result = await self.look(FileCheck(path: pipe, sha256: Self.abc))
        #expect(result.failure?.message == "there is no regular file \(pipe), but a pipe")
        #expect(result.seconds < 2)
    }

    @Test func `what is too small, too large or another is told apart`() async throws {
        let path = try self.directory.file("f", "abc")
        let small = await self.look(FileCheck(path: path, minSize: 4))
        #expect(
            small.failure
                == Failure(reason: .unexpectedBody, message: "\(path) has 3 bytes; at least 4 bytes are expected"))
        let large = await self.look(FileCheck(path: path, maxSize: 2))
        #expect(
            large.failure == Failure(reason: .resource, message: "\(path) has 3 bytes; at most 2 bytes are expected"))
        let other = await self.look(FileCheck(path: path, sha256: String(repeating: "0", count: 64)))
        #expect(other.reason == .checksum)
        #expect(other.message.contains("begins with ba7816bf8f01cfea; expected 0000000000000000"))
    }

    @Test func `a change of content is seen although the digest is remembered`() async throws {
        let path = try self.directory.file("f", "abc")
        let check = FileCheck(path: path, sha256: Self.abc)
        #expect(await self.look(check).verdict == .up)
        var status = stat()
        stat(path, &status)
        _ = try self.directory.file("f", "abd")
        // Of the same size and with the old time put back, as a careful intruder would.
        var times = [status.st_atim, status.st_mtim]
        utimensat(AT_FDCWD, path, &times, 0)
        #expect(await self.look(check).reason == .checksum)
    }

    @Test func `an old file is stalled, one from the future tells nothing`() async throws {
        let path = try self.directory.file("f", "abc")
        var times = Array(repeating: timespec(tv_sec: time(nil) - 3_600, tv_nsec: 0), count: 2)
        utimensat(AT_FDCWD, path, &times, 0)
        let old = await self.look(FileCheck(path: path, maxAge: .seconds(1_800)))
        #expect(old.verdict == .down)
        #expect(old.reason == .stalled)
        #expect(old.message.contains("was last written 1h"))
        #expect(await self.look(FileCheck(path: path, maxAge: .seconds(7_200))).verdict == .up)
        times[1].tv_sec = time(nil) + 3_600
        utimensat(AT_FDCWD, path, &times, 0)
        #expect(await self.look(FileCheck(path: path, maxAge: .seconds(1_800))).verdict == .unknown)
    }

    @Test func `a file too large to be read in time is unknown, not down`() async throws {
        let path = try self.directory.file("f", "")
        try #require(truncate(path, 1 << 40) == 0)
        let result = await self.look(FileCheck(path: path, sha256: Self.abc), timeout: .milliseconds(300))
        #expect(result.verdict == .unknown)
        #expect(result.message.contains("it needs a longer timeout"))
    }
}
