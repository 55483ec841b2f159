import Foundation
import Testing

/// Runs a program to its end, which comes at the latest when the test gives up.
struct BoundedProcess {
    struct Hanging: Error {
        var command: String
    }

    var program: String
    var directory = "/"

    /// - Throws: where it does not end with status 0.
    func run(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: self.program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: self.directory)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
        let command = "\(self.program) \(arguments.joined(separator: " "))"
        guard ended.wait(timeout: .now() + 20) == .success else {
            kill(process.processIdentifier, SIGKILL)
            throw Hanging(command: command)
        }
        try #require(process.terminationStatus == 0, "\(command)")
    }
}
