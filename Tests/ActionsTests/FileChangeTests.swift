import Foundation
import Glibc
import Policy
import Testing

@testable import Actions

/// Links and files that are replaced under those who read them.
@Suite struct FileChangeTests {
    private let root: String

    init() throws {
        var bytes = (FileManager.default.temporaryDirectory.path() + "heald-files-XXXXXX").utf8CString.map { $0 }
        self.root = try #require(mkdtemp(&bytes).map { String(cString: $0) })
    }

    private func remove() { try? FileManager.default.removeItem(atPath: self.root) }

    private func release(_ name: String, isEmpty: Bool = false) throws {
        try FileManager.default.createDirectory(
            atPath: self.root + "/releases/" + name, withIntermediateDirectories: true)
        if !isEmpty { try self.write("releases/\(name)/program", name) }
    }

    private func write(_ path: String, _ text: String) throws {
        try text.write(toFile: "\(self.root)/\(path)", atomically: false, encoding: .utf8)
    }

    private func target(_ link: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "\(self.root)/\(link)")
    }

    private var releases: ReleaseDirectory {
        ReleaseDirectory(
            policy: ReleasePolicy(current: self.root + "/current", releases: self.root + "/releases"))
    }

    @Test(arguments: ["releases/v1", "ROOT/releases/v1", "releases/v1/", "./releases/v1"])
    func `the current release is known by its link, and the way back keeps its form`(written: String) throws {
        defer { self.remove() }
        for name in ["v1", "v2"] { try self.release(name) }
        try self.write("releases/README", "not a release")
        let target = written.replacingOccurrences(of: "ROOT", with: self.root)
        try #require(symlink(target, self.root + "/current") == 0)
        let seen = self.releases.look()
        #expect(seen.current == "v1" && seen.available == ["v1", "v2"] && seen.problem == nil)
        #expect(self.releases.point(to: "v2") == nil)
        #expect(self.releases.look().current == "v2")
        #expect(self.target("current")?.hasPrefix("/") == target.hasPrefix("/"))
        #expect(try String(contentsOfFile: self.root + "/current/program", encoding: .utf8) == "v2")
    }

    @Test func `what is no release is not gone to, and what is no link is not replaced`() throws {
        defer { self.remove() }
        try self.release("v1")
        try self.release("empty", isEmpty: true)
        try self.write("releases/file", "x")
        try #require(symlink("releases/v1", self.root + "/current") == 0)
        #expect(self.releases.point(to: "empty")?.hasSuffix("is empty") == true)
        #expect(self.releases.point(to: "file")?.hasSuffix("is not a directory") == true)
        #expect(self.releases.point(to: "missing")?.hasSuffix("is not a directory") == true)
        #expect(self.target("current") == "releases/v1")
        unlink(self.root + "/current")
        #expect(self.releases.look().problem?.contains("No such file") == true)
        try #require(mkdir(self.root + "/current", 0o755) == 0)
        #expect(self.releases.look().problem?.hasSuffix("is not a symbolic link") == true)
        #expect(self.releases.point(to: "v1")?.contains("is not a symbolic link") == true)
    }

    @Test func `a link that leads elsewhere is no release`() throws {
        defer { self.remove() }
        try self.release("v1")
        try #require(symlink("/usr", self.root + "/current") == 0)
        #expect(self.releases.look().problem?.contains("which is not in") == true)
    }

    @Test func `a file is replaced at once, with owner and mode of the old one`() throws {
        defer { self.remove() }
        try self.write("template", "new")
        try self.write("live", "old")
        chmod(self.root + "/live", 0o640)
        // Left behind by a run that was killed.
        try self.write(".live.heald", "rest")
        #expect(AtomicFile.copy(self.root + "/template", to: self.root + "/live") == nil)
        #expect(try String(contentsOfFile: self.root + "/live", encoding: .utf8) == "new")
        var status = stat()
        #expect(lstat(self.root + "/live", &status) == 0 && status.st_mode & 0o777 == 0o640)
        #expect(try FileManager.default.contentsOfDirectory(atPath: self.root).sorted() == ["live", "template"])
    }

    @Test func `what is no file is neither copied nor replaced`() throws {
        defer { self.remove() }
        try self.write("template", "new")
        try #require(symlink("template", self.root + "/link") == 0)
        try #require(mkdir(self.root + "/directory", 0o755) == 0)
        #expect(AtomicFile.copy(self.root + "/template", to: self.root + "/link")?.contains("not a regular") == true)
        #expect(
            AtomicFile.copy(self.root + "/template", to: self.root + "/directory")?.contains("not a regular") == true)
        #expect(AtomicFile.copy(self.root + "/directory", to: self.root + "/x")?.contains("not a regular") == true)
        // Nobody writes to it: opening it as a file would wait for ever.
        try #require(mkfifo(self.root + "/pipe", 0o600) == 0)
        #expect(AtomicFile.copy(self.root + "/pipe", to: self.root + "/x")?.contains("not a regular") == true)
        #expect(AtomicFile.copy(self.root + "/missing", to: self.root + "/x")?.contains("No such file") == true)
        #expect(AtomicFile.copy(self.root + "/template", to: self.root + "/no/x")?.contains("No such file") == true)
        #expect(self.target("link") == "template")
    }
}
