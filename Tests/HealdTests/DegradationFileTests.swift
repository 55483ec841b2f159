import Foundation
import Logging
import ResilienceCore
import Testing

@testable import HealdKit

/// `degradation.json`, as services find it.
@Suite struct DegradationFileTests {
    private let directory: URL
    private var path: String { self.directory.appending(path: "degradation.json").path() }

    init() throws {
        self.directory = FileManager.default.temporaryDirectory.appending(path: "heald-level-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
    }

    private var writer: DegradationFileWriter {
        DegradationFileWriter(runtimeDirectory: self.directory.path(), logger: Logger(label: "test"))
    }

    /// Waits, for a bounded time, until something is so: the file is written elsewhere.
    private func wait(until isSo: () -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(10)
        while !isSo(), ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(5)) }
        #expect(isSo())
    }

    private func text() -> String? { try? String(contentsOfFile: self.path, encoding: .utf8) }

    private func inode() throws -> UInt64 {
        var status = stat()
        try #require(stat(self.path, &status) == 0)
        return UInt64(status.st_ino)
    }

    @Test func `it is written whole, for everybody to read, replaced and taken away`() async throws {
        defer { try? FileManager.default.removeItem(at: self.directory) }
        let writer = self.writer
        writer.publish(DegradationNotice(level: .minimal, features: ["search": false]))
        let expected = "{\"features\":{\"search\":false},\"level\":\"MINIMAL\",\"version\":1}\n"
        try await self.wait { self.text() == expected }
        var status = stat()
        #expect(stat(self.path, &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o644)
        // An open reader goes on with what it has: the file is another one.
        let reader = try #require(FileHandle(forReadingAtPath: self.path))
        let first = try self.inode()
        writer.publish(DegradationNotice(level: .normal, features: [:]))
        try await self.wait { self.text()?.contains("NORMAL") == true }
        #expect(String(decoding: try #require(try reader.readToEnd()), as: UTF8.self) == expected)
        #expect(try self.inode() != first)
        #expect(try FileManager.default.contentsOfDirectory(atPath: self.directory.path()) == ["degradation.json"])
        writer.publish(nil)
        try await self.wait { self.text() == nil }
        #expect(writer.problem == nil)
    }

    @Test func `what cannot be written is told, and written once it can be`() async throws {
        defer { try? FileManager.default.removeItem(at: self.directory) }
        let writer = self.writer
        // A directory in its place cannot be replaced by a file.
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
        writer.publish(DegradationNotice(level: .degraded, features: [:]))
        try await self.wait { writer.problem != nil }
        #expect(writer.problem?.hasPrefix(self.path) == true, "\(writer.problem ?? "")")
        try FileManager.default.removeItem(atPath: self.path)
        writer.publish(DegradationNotice(level: .degraded, features: [:]))
        try await self.wait { self.text() != nil }
        try await self.wait { writer.problem == nil }
    }
}
