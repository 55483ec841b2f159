import Foundation
import Glibc
import Synchronization
import Testing

@testable import Actions

/// Emptying a directory that may be hostile, on a real file system.
@Suite struct CacheCleanerTests {
    private let root: String
    private var cache: String { self.root + "/cache" }
    private var outside: String { self.root + "/outside" }

    /// A cache to empty and, beside it, what must not be touched.
    init() throws {
        let template = FileManager.default.temporaryDirectory.path() + "heald-cache-XXXXXX"
        var bytes = template.utf8CString.map { $0 }
        let made = try #require(mkdtemp(&bytes).map { String(cString: $0) })
        self.root = try #require(realpath(made, nil).map { String(cString: $0) })
        for directory in [self.cache, self.outside] { try #require(mkdir(directory, 0o755) == 0) }
        for number in 1...3 { try self.write("\(self.outside)/precious-\(number)") }
    }

    private func write(_ path: String) throws {
        try #require(FileManager.default.createFile(atPath: path, contents: Data("x".utf8)))
    }

    private func empty(_ path: String? = nil) -> CacheCleaner.Result {
        CacheCleaner.empty(path ?? self.cache, until: .now + .seconds(30))
    }

    private func names(in directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    private func expectOutsideIsWhole() throws {
        #expect(try self.names(in: self.outside) == ["precious-1", "precious-2", "precious-3"])
    }

    private func remove() { try? FileManager.default.removeItem(atPath: self.root) }

    @Test func `files, directories, links, pipes and sockets go; the directory stays`() throws {
        defer { self.remove() }
        try FileManager.default.createDirectory(
            atPath: self.cache + "/a/b/c", withIntermediateDirectories: true)
        for name in ["one", "a/two", "a/b/c/three", "a/.hidden"] { try self.write("\(self.cache)/\(name)") }
        try #require(mkfifo(self.cache + "/pipe", 0o600) == 0)
        try #require(symlink("/nowhere", self.cache + "/dangling") == 0)
        #expect(self.empty() == CacheCleaner.Result(removed: 9, problem: nil))
        #expect(try self.names(in: self.cache) == [])
    }

    @Test func `links are removed and not followed`() throws {
        defer { self.remove() }
        try #require(symlink(self.outside, self.cache + "/directory") == 0)
        try #require(symlink(self.outside + "/precious-1", self.cache + "/file") == 0)
        try #require(symlink("..", self.cache + "/up") == 0)
        #expect(self.empty() == CacheCleaner.Result(removed: 3, problem: nil))
        try self.expectOutsideIsWhole()
    }

    @Test func `a path through a link is not emptied`() throws {
        defer { self.remove() }
        // By its last part, with and without a slash, and by a part before it.
        let link = self.root + "/link"
        try #require(symlink(self.outside, link) == 0)
        #expect(self.empty(link).problem?.contains(link) == true)
        #expect(self.empty(link + "/").removed == 0)
        try #require(symlink(self.root, self.root + "/back") == 0)
        #expect(self.empty(self.root + "/back/outside").problem != nil)
        try self.expectOutsideIsWhole()
    }

    @Test func `a directory that is not there is empty already`() throws {
        defer { self.remove() }
        #expect(self.empty(self.cache + "/missing") == CacheCleaner.Result())
        try self.write(self.cache + "/file")
        #expect(self.empty(self.cache + "/file").problem != nil)
        #expect(try self.names(in: self.cache) == ["file"])
    }

    @Test func `it leaves off when the time is up, and when it is too deep`() throws {
        defer { self.remove() }
        try self.write(self.cache + "/file")
        let late = CacheCleaner.empty(self.cache, until: .now - .seconds(1))
        #expect(late.removed == 0 && late.problem?.hasPrefix("the time was up") == true)
        var deep = self.cache
        for _ in 0..<140 {
            deep += "/d"
            try #require(mkdir(deep, 0o755) == 0)
        }
        #expect(self.empty().problem?.contains("deeper than 128") == true)
    }

    /// While one thread exchanges a directory of the cache and a link that leads out of it as fast as it can, the cleaner
    /// goes over it again and again. `HEALD_RACE_ROUNDS` sets how often (1,000,000 for `make soak`).
    @Test func `a directory that is exchanged for a link in the middle leads nowhere`() throws {
        defer { self.remove() }
        let rounds = ProcessInfo.processInfo.environment["HEALD_RACE_ROUNDS"].flatMap { Int($0) } ?? 2_000
        let exchange = Exchange(between: self.cache + "/inner", and: self.root + "/decoy")
        try #require(mkdir(self.cache + "/inner", 0o755) == 0)
        try #require(symlink(self.outside, self.root + "/decoy") == 0)
        let spare = self.root + "/spare"
        let thread = Thread { exchange.run() }
        thread.start()
        var removed = 0
        for _ in 0..<rounds {
            removed += self.empty().removed
            // Whichever of the two was deleted comes back; nothing is ever written through a name that is exchanged.
            if mkdir(spare, 0o755) == 0 { close(open(spare + "/file", O_CREAT | O_WRONLY, 0o600)) }
            if rename(spare, self.root + "/decoy") != 0 { _ = rename(spare, self.cache + "/inner") }
            _ = symlink(self.outside, self.cache + "/inner")
            _ = symlink(self.outside, self.root + "/decoy")
        }
        exchange.stop()
        try self.expectOutsideIsWhole()
        #expect(removed > rounds / 10, "the cleaner had work to do")
        #expect(exchange.count > rounds / 10, "\(exchange.count) exchanges")
    }

    /// renameat2(2) with RENAME_EXCHANGE, without an end until it is told.
    private final class Exchange: Sendable {
        private let one: String
        private let other: String
        private let state = Mutex((isOver: false, count: 0))
        private let ended = DispatchSemaphore(value: 0)

        init(between one: String, and other: String) {
            self.one = one
            self.other = other
        }

        var count: Int { self.state.withLock { $0.count } }

        /// Not in the headers that Swift sees.
        private typealias RenameAt2 =
            @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32

        func run() {
            let exchange = 2 as UInt32
            let renameat2 = unsafeBitCast(dlsym(nil, "renameat2"), to: RenameAt2.self)
            while !self.state.withLock({ $0.isOver }) {
                if renameat2(AT_FDCWD, self.one, AT_FDCWD, self.other, exchange) == 0 {
                    self.state.withLock { $0.count += 1 }
                }
            }
            self.ended.signal()
        }

        func stop() {
            self.state.withLock { $0.isOver = true }
            self.ended.wait()
        }
    }
}
