import Foundation
import Logging
import ResilienceCore
import ServiceLifecycle
import Supervisor
import Testing

@testable import ControlAPI
@testable import HealctlKit

/// A real server on a real socket in a directory of its own, for as long as the body runs.
struct TestServer {
    let directory: String
    let client: ControlClient
    var socketPath: String { self.client.socketPath }

    /// The group whose members the server takes for operators.
    static let operatorGroup: UInt32 = 4_242

    static func with<Result>(
        _ control: RecordingControl, _ adjust: (inout ControlServerConfiguration) throws -> Void = { _ in },
        _ body: (TestServer) async throws -> Result
    ) async throws -> Result {
        let directory = try Self.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var configuration = ControlServerConfiguration(runtimeDirectory: directory, version: "1.2.3")
        configuration.operatorGroupID = Self.operatorGroup
        try adjust(&configuration)
        let (listening, continuation) = AsyncStream<Void>.makeStream()
        let server = ControlServer(control: control, configuration: configuration, logger: Self.quiet) {
            continuation.yield()
        }
        let group = ServiceGroup(services: [server], logger: Self.quiet)
        let running = Task {
            defer { continuation.finish() }
            try await group.run()
        }
        for await _ in listening { break }
        do {
            let result = try await body(TestServer(directory: directory, client: .init(runtimeDirectory: directory)))
            await group.triggerGracefulShutdown()
            try await running.value
            return result
        } catch {
            await group.triggerGracefulShutdown()
            _ = try? await running.value
            throw error
        }
    }

    static func makeDirectory() throws -> String {
        var template = Array("/tmp/heald-control-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try #require(chmod(path, 0o755) == 0)
        return path
    }

    static let quiet: Logger = {
        var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        logger.logLevel = .critical
        return logger
    }()

    func request(_ method: String, _ path: String, _ body: String = "") async throws -> ControlClient.Answer {
        let client = self.client
        return try await onThread {
            try client.request(method, path, body: Array(body.utf8), timeout: .seconds(20))
        }
    }

    /// Sends bytes as they are and returns what comes back until the connection ends.
    func exchange(_ text: String) async throws -> String {
        let path = self.socketPath
        return try await onThread {
            let stream = try UnixStream(path: path, timeout: .seconds(20))
            try stream.send(Array(text.utf8))
            return try readToEnd(stream)
        }
    }

    /// Asks as another user, in a process of its own.
    ///
    /// - Returns: the answer's first line and body.
    func request(
        user: UInt32, group: UInt32, groups: [UInt32] = [], _ method: String, _ path: String, body: String = ""
    ) async throws -> String {
        let text =
            "\(method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        let socket = self.socketPath
        return try await onThread {
            try runAs(
                user: user, group: group, groups: groups,
                perl: """
                    use Socket;
                    socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die;
                    connect($s, sockaddr_un($ARGV[0])) or do { print "connect: $!"; exit 0 };
                    syswrite($s, $ARGV[1]);
                    while (sysread($s, my $part, 65536)) { print $part }
                    """, socket, text)
        }
    }
}

func readToEnd(_ stream: borrowing UnixStream) throws -> String {
    var all: [UInt8] = []
    while true {
        let part = try stream.receive()
        if part.isEmpty { return String(decoding: all, as: UTF8.self) }
        all += part
    }
}

/// Runs something that blocks on a thread of its own, so that it takes none from the server under test.
func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
    }
}

let isRoot = geteuid() == 0

/// Runs a Perl program (it is part of every Debian) as another user.
///
/// - Returns: what it printed.
func runAs(user: UInt32, group: UInt32, groups: [UInt32], perl: String, _ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
    let supplementary = groups.isEmpty ? "--clear-groups" : "--groups=\(groups.map(String.init).joined(separator: ","))"
    process.arguments =
        ["--reuid=\(user)", "--regid=\(group)", supplementary, "/usr/bin/perl", "-e", perl] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(String(decoding: bytes, as: UTF8.self))")
    return String(decoding: bytes, as: UTF8.self)
}

extension ControlClient.Answer {
    /// The body as a JSON object.
    var object: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(self.body))) as? [String: Any] ?? [:]
    }

    var text: String { String(decoding: self.body, as: UTF8.self) }
}
