import Foundation
import HealctlKit
import Testing

@testable import ControlAPI

/// Who may do what, asked by processes of other users. Making those needs root.
@Suite(.enabled(if: isRoot, "needs root, to ask as other users")) struct RoleTests {
    private static let nobody: UInt32 = 65_534

    @Test func `anybody may read, and only read`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            for path in ["/v1/status", "/v1/version", "/v1/healthz"] {
                let answer = try await server.request(user: Self.nobody, group: Self.nobody, "GET", path)
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(answer)")
            }
            for (path, body) in [
                ("/v1/reload", ""), ("/v1/pause", #"{"for":"1h","reason":"x"}"#), ("/v1/resume", ""),
                ("/v1/approve", #"{"target":"17"}"#), ("/v1/deny", #"{"target":"17"}"#),
                ("/v1/ack", #"{"component":"api"}"#), ("/v1/check/api", ""),
            ] {
                let answer = try await server.request(
                    user: Self.nobody, group: Self.nobody, "POST", path, body: body)
                #expect(answer.hasPrefix("HTTP/1.1 403 Forbidden\r\n"), "\(answer)")
                #expect(
                    answer.hasSuffix(
                        "{\"error\":\"This is for operators.\",\"fix\":\"Use sudo, or have yourself added to the group "
                            + "and log in again: usermod -aG heald nobody.\",\"why\":\"You are nobody, neither root nor "
                            + "a member of the group heald.\"}\n"), "\(answer)")
            }
        }
        #expect(await control.calls.isEmpty)
    }

    @Test(
        arguments: [
            (TestServer.operatorGroup, []), (65_534, [TestServer.operatorGroup]),
            (65_534, Array(UInt32(5_000)..<5_100) + [TestServer.operatorGroup]),
        ] as [(UInt32, [UInt32])])
    func `members of the group may change things, by primary or supplementary group`(
        group: UInt32, groups: [UInt32]
    ) async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let answer = try await server.request(user: Self.nobody, group: group, groups: groups, "POST", "/v1/reload")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(answer)")
        }
        #expect(await control.calls == [.reload(by: "nobody")])
    }

    @Test func `a program may report for the component whose unit's main process runs as its user`() async throws {
        let program = try await onThread { () throws -> Process in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
            process.arguments = ["--reuid=\(Self.nobody)", "--regid=\(Self.nobody)", "--clear-groups", "/bin/cat"]
            (process.standardInput, process.standardOutput) = (Pipe(), Pipe())
            try process.run()
            return process
        }
        defer { program.terminate() }
        // It is root's until setpriv has done its part.
        let end = ContinuousClock.now + .seconds(10)
        while ProcessOwner.user(of: program.processIdentifier) != Self.nobody {
            try #require(ContinuousClock.now < end)
            await Task.yield()
        }
        let control = RecordingControl(mainPID: program.processIdentifier)
        try await TestServer.with(control) { server in
            for (user, path, status) in [
                (Self.nobody, "/v1/beat/api", "200 OK"), (Self.nobody, "/v1/beat/api/port", "200 OK"),
                (Self.nobody - 1, "/v1/beat/api", "403 Forbidden"), (Self.nobody, "/v1/beat/apj", "404 Not Found"),
                (Self.nobody, "/v1/reload", "403 Forbidden"),
            ] {
                let answer = try await server.request(user: user, group: user, "POST", path)
                #expect(answer.hasPrefix("HTTP/1.1 \(status)\r\n"), "\(path): \(answer)")
            }
            let refused = try await server.request(user: Self.nobody - 1, group: Self.nobody, "POST", "/v1/beat/api")
            #expect(refused.contains("nor the user that the main process of api's unit runs as."), "\(refused)")
        }
        #expect(
            await control.calls == [.beat(component: "api", check: nil), .beat(component: "api", check: "port")])
    }

    @Test func `where no process runs, only operators may report`() async throws {
        for pid in [nil, Int32(-1), Int32.max] as [Int32?] {
            let control = RecordingControl(mainPID: pid)
            try await TestServer.with(control) { server in
                let answer = try await server.request(
                    user: Self.nobody, group: Self.nobody, "POST", "/v1/beat/api")
                #expect(answer.hasPrefix("HTTP/1.1 403 Forbidden\r\n"), "\(answer)")
                #expect(try await server.request("POST", "/v1/beat/api").status == 200)
            }
            #expect(await control.calls == [.beat(component: "api", check: nil)])
        }
    }

    @Test func `members of other groups may not, however many`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let answer = try await server.request(
                user: Self.nobody, group: 0, groups: [0, 1, 4] + Array(5_000..<5_200), "POST", "/v1/reload")
            #expect(answer.hasPrefix("HTTP/1.1 403 "), "\(answer)")
        }
        #expect(await control.calls.isEmpty)
    }

    @Test func `where only operators are let in, others cannot even connect`() async throws {
        try await TestServer.with(RecordingControl(), { $0.socketAccess = .operatorsOnly }) { server in
            let refused = try await server.request(user: Self.nobody, group: Self.nobody, "GET", "/v1/version")
            #expect(refused == "connect: Permission denied")
            let member = try await server.request(
                user: Self.nobody, group: Self.nobody, groups: [TestServer.operatorGroup], "GET", "/v1/version")
            #expect(member.hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
    }

    @Test func `asking in a loop costs the supervisor a few answers, and operators get fresh ones`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control, { $0.limits.statusAge = .seconds(60) }) { server in
            for _ in 0..<20 {
                let answer = try await server.request(user: Self.nobody, group: Self.nobody, "GET", "/v1/status")
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            }
            #expect(await control.statusQuestions == 1)
            for _ in 0..<3 { _ = try await server.request("GET", "/v1/status") }
            #expect(await control.statusQuestions == 4)
        }
    }

    /// A thousand connections that send half a request and wait.
    private static let slowloris = """
        use Socket; use IO::Select; use Fcntl;
        my $select = IO::Select->new; my $n = 0;
        for (1 .. 1000) {
            socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
            connect($s, sockaddr_un($ARGV[0])) or die "connect: $!";
            local $SIG{PIPE} = 'IGNORE';
            syswrite($s, "GET /v1/status HTTP/1.1\\r\\nHost: x\\r\\nX-Slow: "); $select->add($s); $n++;
        }
        open(my $ready, '>', $ARGV[1]) or die; close($ready);
        my $end = time + 20; my $closed = 0;
        while ($select->count && time < $end) {
            for my $s ($select->can_read(1)) {
                my $got = sysread($s, my $part, 4096);
                if (!$got) { $select->remove($s); close($s); $closed++ }
            }
        }
        print "$n opened, $closed closed";
        """

    @Test func `a thousand clients that never finish keep no operator from asking`() async throws {
        try await TestServer.with(RecordingControl(), { $0.limits.request = .seconds(3) }) { server in
            let (socket, mark) = (server.socketPath, "\(server.directory)-ready")
            defer { unlink(mark) }
            async let attack = onThread {
                try runAs(
                    user: 0, group: 0, groups: [],
                    perl: """
                        $) = "65534 65534"; $> = 65534; $ARGV[1] = $ARGV[1];
                        """ + Self.slowloris, socket, mark)
            }
            // Asked all the while, not only after it.
            var slowest = Duration.zero
            var asked = 0
            while access(mark, F_OK) != 0 || asked < 50 {
                let start = ContinuousClock.now
                let answer = try await server.request("GET", "/v1/version")
                slowest = max(slowest, ContinuousClock.now - start)
                #expect(answer.status == 200)
                asked += 1
                try #require(asked < 100_000)
            }
            #expect(slowest < .seconds(2))
            let outcome = try await attack
            #expect(outcome == "1000 opened, 1000 closed")
        }
    }
}
