import Foundation
import Glibc
import Testing

@testable import Policy

/// Real files in directories of their own.
@Suite struct LoaderTests {
    /// A directory that is gone when the test is over.
    final class Scratch {
        let path: String
        init() throws {
            let url = FileManager.default.temporaryDirectory.appending(path: "heald-policy-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
            self.path = url.path()
            chmod(self.path, 0o755)
        }
        deinit { try? FileManager.default.removeItem(atPath: self.path) }

        @discardableResult
        func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws -> String {
            let file = "\(self.path)/\(name)"
            try Data(text.utf8).write(to: URL(filePath: file))
            chmod(file, mode)
            return file
        }
    }

    private let good =
        #"{"version": 1, "components": {"a": {"checks": {"t": {"type": "tcp", "host": "a", "port": 1}}}}}"#

    private func errors(_ directory: String) -> [String] {
        do throws(PolicyError) {
            return ["loaded: \(try PolicyLoader.load(directory: directory).snapshot.components.map(\.name))"]
        } catch {
            return error.diagnostics.map(\.description)
        }
    }

    @Test func `reads the json files of a directory in name order, and no others`() throws {
        let scratch = try Scratch()
        try scratch.write("b.json", good)
        try scratch.write("a.json", #"{"version": 2}"#)
        try scratch.write(".hidden.json", "x")
        try scratch.write("c.json~", "x")
        try scratch.write("policy-v1.schema.json", "x")
        try scratch.write("d.yaml", "x")
        try scratch.write("README.md", "x")
        #expect(
            errors(scratch.path) == [
                "a.json:1:13: $.version: got 2; expected 1, the only version of the policy language that is known",
                "d.yaml: warning: is not read: only files named *.json are policies",
            ])
        try scratch.write("a.json", #"{"version": 1}"#)
        let loaded = try PolicyLoader.load(directory: scratch.path)
        #expect(loaded.snapshot.components.map(\.name) == ["a"])
        #expect(loaded.warnings.map(\.file) == ["d.yaml"])
    }

    @Test func `an empty directory supervises nothing, with a warning`() throws {
        let scratch = try Scratch()
        let loaded = try PolicyLoader.load(directory: scratch.path)
        #expect(loaded.snapshot.components == [])
        #expect(
            loaded.warnings.map(\.description) == [
                "\(scratch.path): warning: holds no *.json file: nothing is supervised"
            ])
    }

    @Test func `a directory that is missing or is none is an error with a remedy`() throws {
        let scratch = try Scratch()
        #expect(
            errors("\(scratch.path)/none") == [
                "\(scratch.path)/none: the policy directory cannot be opened: No such file or directory; create it, or name another with --policies"
            ])
        let file = try scratch.write("a.json", good)
        #expect(errors(file) == ["\(file): the policy directory cannot be opened: Not a directory"])
    }

    @Test(arguments: [
        (0o775, "its group (mode 775)"), (0o757, "everybody (mode 757)"), (0o1777, "everybody (mode 1777)"),
    ])
    func `a directory that others may write is refused, and checked with a warning`(mode: Int, who: String) throws {
        let scratch = try Scratch()
        let file = try scratch.write("a.json", good)
        chmod(scratch.path, mode_t(mode))
        let message = "may be written by \(who), who could change what heald does; fix: chmod go-w \"\(scratch.path)\""
        #expect(errors(scratch.path) == ["\(scratch.path): \(message)"])
        #expect(
            PolicyLoader.check(paths: [scratch.path]).map(\.description) == ["\(scratch.path): warning: \(message)"])
        #expect(PolicyLoader.check(paths: [file]) == [])
    }

    @Test func `a file that others may write is refused`() throws {
        let scratch = try Scratch()
        try scratch.write("a.json", good, mode: 0o664)
        #expect(
            errors(scratch.path) == [
                "a.json: may be written by its group (mode 664), who could change what heald does; fix: chmod go-w \"a.json\""
            ])
    }

    @Test(.enabled(if: geteuid() == 0))
    func `files and directories of others are refused`() throws {
        let scratch = try Scratch()
        let file = try scratch.write("a.json", good)
        #expect(chown(file, 12_345, 0) == 0)
        #expect(
            errors(scratch.path) == [
                "a.json: belongs to user 12345, who could change what heald does as user 0; fix: chown root \"a.json\""
            ])
        #expect(chown(file, 0, 0) == 0)
        #expect(errors(scratch.path) == ["loaded: [\"a\"]"])
        #expect(chown(scratch.path, 12_345, 0) == 0)
        #expect(errors(scratch.path).first?.contains("belongs to user 12345") == true)
    }

    @Test func `what is no regular file never hangs and never is read`() throws {
        let scratch = try Scratch()
        #expect(mkfifo("\(scratch.path)/a.json", 0o644) == 0)
        #expect(symlink("/dev/zero", "\(scratch.path)/b.json") == 0)
        #expect(mkdir("\(scratch.path)/c.json", 0o755) == 0)
        #expect(symlink("nowhere", "\(scratch.path)/d.json") == 0)
        let remedy = "not a regular file; remove it or rename it so that it does not end in .json"
        #expect(
            errors(scratch.path) == [
                "a.json: is a FIFO, \(remedy)", "b.json: is a device, \(remedy)", "c.json: is a directory, \(remedy)",
                "d.json: cannot be found: No such file or directory",
            ])
        #expect(
            PolicyLoader.check(paths: ["\(scratch.path)/a.json"]).map(\.description) == [
                "\(scratch.path)/a.json: is a FIFO, \(remedy)"
            ])
    }

    @Test func `a link is followed where its target is as safe as the directory`() throws {
        let scratch = try Scratch()
        let elsewhere = try Scratch()
        let target = try elsewhere.write("target", good)
        #expect(symlink(target, "\(scratch.path)/a.json") == 0)
        #expect(errors(scratch.path) == ["loaded: [\"a\"]"])
        chmod(target, 0o666)
        #expect(errors(scratch.path).first?.hasPrefix("a.json: may be written by everybody") == true)
        chmod(target, 0o644)
        chmod(elsewhere.path, 0o777)
        #expect(
            errors(scratch.path).first?.hasPrefix("a.json: links into a directory that may be written by everybody")
                == true)
        chmod(elsewhere.path, 0o1777)
        #expect(errors(scratch.path) == ["loaded: [\"a\"]"])
    }

    @Test func `a file that is too large is refused without being read to its end`() throws {
        let scratch = try Scratch()
        let file = try scratch.write("a.json", "")
        #expect(truncate(file, 1 << 40) == 0)
        #expect(errors(scratch.path) == ["a.json:1:1: $: the file has more than 1 MiB; split it"])
    }

    @Test func `files and directories are checked together as one policy`() throws {
        let scratch = try Scratch()
        let other = try Scratch()
        try scratch.write("a.json", good)
        let file = try other.write("b.json", good)
        #expect(
            PolicyLoader.check(paths: [scratch.path, file]).map(\.description) == [
                "\(file):1:31: $.components.a: the component \"a\" is already declared at \(scratch.path)/a.json:1:31; rename or remove one"
            ])
        #expect(
            PolicyLoader.check(paths: ["\(scratch.path)/none.json"]).map(\.description) == [
                "\(scratch.path)/none.json: cannot be found: No such file or directory"
            ])
    }

    @Test func `diagnostics have the keys that others read`() throws {
        let diagnostic = try #require(PolicyDecoder.decode([("a.json", Array("{".utf8))]).diagnostics.first)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        #expect(
            String(decoding: try encoder.encode(diagnostic), as: UTF8.self)
                == #"{"column":2,"file":"a.json","kind":"json","line":1,"message":"got the end of the text; expected a key in double quotes","path":"$","severity":"error"}"#
        )
    }
}
