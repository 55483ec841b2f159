import Foundation
import Testing

@testable import ControlAPI

@Suite struct HTTPListenerTests {
    @Test func `loopback addresses are taken`() throws {
        #expect(try HTTPListener("127.0.0.1:9140").port == 9_140)
        #expect(try HTTPListener("127.1.2.3:0").host == "127.1.2.3")
        #expect(try HTTPListener("localhost:80").host == "localhost")
        #expect(try HTTPListener("[::1]:9140").host == "::1")
    }

    @Test(arguments: [
        "", ":", "9140", ":9140", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1",
        "example.org:80", "127.0.0.1.evil.org:80", "127.example:80", "localhost.:80",
    ])
    func `what is no address is refused`(text: String) {
        #expect(throws: ControlServerError.self) { try HTTPListener(text) }
    }

    @Test(arguments: ["0.0.0.0:9140", "192.0.2.1:9140", "[::]:9140", "[2001:db8::1]:9140"])
    func `an address that others can reach has to be asked for`(text: String) throws {
        do {
            _ = try HTTPListener(text)
            Issue.record("accepted")
        } catch {
            #expect(error.code == .badListener)
            #expect(error.description.contains("can be reached from other machines"))
        }
        _ = try HTTPListener(text, beyondLoopback: true)
    }

    private static let ours = ["127.0.0.1:9140", "localhost:9140", "LOCALHOST:9140", "[::1]:9140"]
    private static let foreign: [String?] = [
        nil, "", "evil.example", "evil.example:9140", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:91400", "localhost",
        "localhost.:9140", "127.0.0.1.evil.example:9140", "127.0.0.2:9140", "0.0.0.0:9140", "[::]:9140",
        "127.0.0.1:9140:9140", "evil@127.0.0.1:9140", "127.0.0.1:9140/", " 127.0.0.1:9140", "127.0.0.1 :9140",
        "2130706433:9140", "0x7f000001:9140", "127.1:9140", "::1:9140", "[::1:9140", "[::ffff:127.0.0.1]:9140",
    ]

    @Test func `only its own names are answered`() throws {
        let listener = try HTTPListener("127.0.0.1:9140")
        for name in Self.ours { #expect(listener.answers(to: name, boundPort: 9_140), "\(name)") }
        // "::1" without brackets is not written by any browser, and names nothing but loopback.
        for name in Self.foreign where name != "::1:9140" {
            #expect(!listener.answers(to: name, boundPort: 9_140), "\(name ?? "none")")
        }
    }

    @Test func `port 80 may be left out, as browsers do`() throws {
        let listener = try HTTPListener("127.0.0.1:80")
        #expect(listener.answers(to: "127.0.0.1", boundPort: 80))
        #expect(!listener.answers(to: "evil.example", boundPort: 80))
    }

    @Test func `beyond loopback literal addresses and the names that were given are answered`() throws {
        var listener = try HTTPListener("0.0.0.0:9140", beyondLoopback: true)
        listener.names = ["status.example"]
        #expect(listener.answers(to: "192.0.2.7:9140", boundPort: 9_140))
        #expect(listener.answers(to: "status.example:9140", boundPort: 9_140))
        #expect(!listener.answers(to: "evil.example:9140", boundPort: 9_140))
    }

    @Test func `over HTTP everything can be read and nothing changed`() async throws {
        let control = RecordingControl()
        let port = try Self.freePort()
        try await TestServer.with(control, { $0.http = try HTTPListener("127.0.0.1:\(port)") }) { _ in
            for path in ["/v1/status", "/v1/version", "/v1/healthz"] {
                let answer = try await Self.ask(port, "GET", path, host: "127.0.0.1:\(port)")
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(answer)")
                #expect(answer.contains("\r\nX-Content-Type-Options: nosniff\r\n"))
                #expect(!answer.lowercased().contains("access-control-"))
            }
            for path in [
                "/v1/reload", "/v1/pause", "/v1/resume", "/v1/approve", "/v1/deny", "/v1/ack", "/v1/check/api",
                "/v1/beat/api",
            ] {
                let answer = try await Self.ask(port, "POST", path, host: "localhost:\(port)")
                #expect(answer.hasPrefix("HTTP/1.1 403 Forbidden\r\n"), "\(answer)")
                #expect(answer.contains("Nothing can be changed over HTTP."))
            }
            for host in ["evil.example:\(port)", "evil.example", ""] {
                let answer = try await Self.ask(port, "GET", "/v1/status", host: host)
                #expect(answer.hasPrefix("HTTP/1.1 421 "), "\(answer)")
            }
        }
        #expect(await control.calls.isEmpty)
    }

    @Test func `a port that is taken is an error, and the control socket goes`() async throws {
        let port = try Self.freePort()
        try await TestServer.with(RecordingControl(), { $0.http = try HTTPListener("127.0.0.1:\(port)") }) { first in
            let directory = try TestServer.makeDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            var configuration = ControlServerConfiguration(runtimeDirectory: directory, version: "1")
            configuration.http = first.directory.isEmpty ? nil : try HTTPListener("127.0.0.1:\(port)")
            let second = ControlServer(
                control: RecordingControl(), configuration: configuration, logger: TestServer.quiet)
            await #expect(throws: (any Error).self) { try await second.run() }
            let left = try FileManager.default.contentsOfDirectory(atPath: directory)
            #expect(left.isEmpty)
        }
    }

    /// A port that was free a moment ago.
    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
            }
        }
        try #require(result == 0)
        return Int(UInt16(bigEndian: address.sin_port))
    }

    static func ask(_ port: Int, _ method: String, _ path: String, host: String) async throws -> String {
        let text = "\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        return try await onThread {
            try runAs(
                user: geteuid(), group: getegid(), groups: [],
                perl: """
                    use Socket;
                    socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
                    connect($s, sockaddr_in($ARGV[0], inet_aton('127.0.0.1'))) or die;
                    syswrite($s, $ARGV[1]);
                    while (sysread($s, my $part, 65536)) { print $part }
                    """, String(port), text)
        }
    }
}
