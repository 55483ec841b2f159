import Glibc
import Testing

@testable import Alerting

/// A directory of its own, gone with the test.
final class Scratch: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/heald-alerting.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TimedOut() }
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        guard let directory = opendir(self.path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { unlink(self.path + "/" + name) }
        }
        closedir(directory)
        rmdir(self.path)
    }

    @discardableResult
    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws -> String {
        let file = self.path + "/" + name
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
        try #require(fchmod(descriptor, mode) == 0)
        return file
    }

    func read(_ name: String) -> String? {
        let descriptor = open(self.path + "/" + name, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

@Suite struct SecretFileTests {
    private let scratch: Scratch

    init() throws { self.scratch = try Scratch() }

    @Test(arguments: [0o600, 0o400, 0o640] as [mode_t])
    func `a file that only its owner or its group reads is taken, without its line end`(mode: mode_t) throws {
        let file = try self.scratch.write("token", " s3cret-token \n", mode: mode)
        #expect(try SecretFile.read(file) == "s3cret-token")
    }

    @Test(arguments: [0o644, 0o604, 0o602, 0o660, 0o601, 0o777] as [mode_t])
    func `a file that others may reach or the group may write is refused, with what to do`(mode: mode_t) throws {
        let file = try self.scratch.write("token", "s3cret-token", mode: mode)
        let error = #expect(throws: SecretFileError.self) { try SecretFile.read(file) }
        #expect(
            error?.description
                == "cannot use secretFile \(file): others may read it or the group may write it; "
                + "run chmod 0600 (or 0640)")
    }

    @Test func `a file that belongs to another user is refused`() throws {
        try #require(geteuid() == 0, "giving a file away takes root")
        let file = try self.scratch.write("token", "s3cret-token")
        try #require(chown(file, 65_534, 0) == 0)
        let error = #expect(throws: SecretFileError.self) { try SecretFile.read(file) }
        #expect(error?.description.contains("it belongs to user 65534") == true)
    }

    @Test func `a pipe in its place is refused without waiting for a writer`() throws {
        let file = self.scratch.path + "/pipe"
        try #require(mkfifo(file, 0o600) == 0)
        let error = #expect(throws: SecretFileError.self) { try SecretFile.read(file) }
        #expect(error?.description == "cannot use secretFile \(file): it is not a regular file")
    }

    @Test func `a missing file is named`() throws {
        let error = #expect(throws: SecretFileError.self) { try SecretFile.read("/nonexistent/token") }
        #expect(error?.description == "cannot use secretFile /nonexistent/token: No such file or directory")
    }

    @Test(arguments: ["", " \n\t ", "two words", "a\r\nX-Injected: 1", "smörgås", "nul\u{0}byte"])
    func `what cannot stand in a header is refused and not repeated`(text: String) throws {
        let file = try self.scratch.write("token", text)
        let error = #expect(throws: SecretFileError.self) { try SecretFile.read(file) }
        #expect(error?.description.hasPrefix("cannot use secretFile \(file): it ") == true)
        #expect(error?.description.contains("Injected") == false)
    }

    @Test func `a file of 4 KiB is taken and one byte more is refused`() throws {
        let longest = String(repeating: "x", count: 4_096)
        let file = try self.scratch.write("longest", longest)
        #expect(try SecretFile.read(file) == longest)
        let longer = try self.scratch.write("longer", longest + "x")
        #expect(throws: SecretFileError.self) { try SecretFile.read(longer) }
    }
}
