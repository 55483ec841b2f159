import Foundation

/// A directory of one test's own, removed with everything in it at the end.
final class TestDirectory: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "heald-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        self.path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    /// Writes a file and returns its path.
    func file(_ name: String, _ content: String) throws -> String {
        let path = "\(self.path)/\(name)"
        try content.write(toFile: path, atomically: false, encoding: .utf8)
        return path
    }
}
