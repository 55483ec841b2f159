import Foundation
import Testing

/// The table of checks in the policy reference, row by row: what each sees breaks for real, is told with the right
/// reason, and is mended by a restart that the same check proves.
@Suite(.serialized, .enabled(if: Stage.isHere, Stage.reason), .timeLimit(.minutes(4)))
struct CheckTableTests {
    private static let often = #""interval": "300ms", "timeout": "250ms", "fall": 2, "rise": 1"#

    /// Supervises one unit by one check, breaks it and waits for the end of the incident.
    private func heals(
        _ name: String, command: String, settings: [String] = [], check: String, reason: String,
        step: String = #"{ "action": "RESTART", "verify": "10s" }"#, before: () throws -> Void = {},
        breaking: (Stage, String) throws -> Void
    ) async throws {
        let unit = "row-\(name).service"
        try before()
        let stage = try Stage(
            "row-\(name)", units: [.init(name: unit, command: command, settings: settings)],
            components: """
                { "a": { "unit": "\(unit)", "stable": "300ms", "startupGrace": "2s",
                         "checks": { "it": \(check) }, "recovery": [ \(step), { "action": "ALERT" } ] } }
                """)
        try await stage.isUp()
        try breaking(stage, unit)
        let incident = try #require(
            try await stage.incidents(within: 30, "recovery") { $0.first?.state == "resolved" }.first)
        #expect(incident.cause.check == "it")
        #expect(incident.cause.reason == reason)
        #expect(incident.restarts.map(\.result) == ["succeeded"])
        #expect(stage.starts(of: unit) == 2)
    }

    /// A server in Perl: no `$` and no `%` may stand in a unit's command line as they are.
    private static func perl(_ program: String) -> String {
        "exec perl -MIO::Socket -e \"\(program.replacing("$", with: "\\$$"))\""
    }

    @Test func unit() async throws {
        try await self.heals("unit", command: "exec sleep 100000", check: #"{ "type": "unit" }"#, reason: "crashed") {
            try $0.signal(SIGKILL, $1)
        }
    }

    @Test func http() async throws {
        let server = Self.perl(
            """
            $s = IO::Socket::INET->new(LocalAddr => q(127.0.0.1), LocalPort => 25501, Listen => 9, ReuseAddr => 1);
            $code = 200; $SIG{USR1} = sub { $code = 503 };
            while (1) { $c = $s->accept or next; sysread($c, $b, 4096);
            print $c qq(HTTP/1.1 $code X\\r\\nContent-Length: 2\\r\\n\\r\\nok); close $c }
            """.replacing("\n", with: " "))
        try await self.heals(
            "http", command: server,
            check:
                #"{ "type": "http", "url": "http://127.0.0.1:25501/", \#(Self.often), "expect": { "contains": "ok" } }"#,
            reason: "server_error"
        ) { try $0.signal(SIGUSR1, $1) }
    }

    @Test func tcp() async throws {
        let server = Self.perl(
            """
            $s = IO::Socket::INET->new(LocalAddr => q(127.0.0.1), LocalPort => 25502, Listen => 9, ReuseAddr => 1);
            $SIG{USR1} = sub { close $s; sleep 1000 }; while (1) { $c = $s->accept or next; close $c }
            """.replacing("\n", with: " "))
        try await self.heals(
            "tcp", command: server, check: #"{ "type": "tcp", "host": "127.0.0.1", "port": 25502, \#(Self.often) }"#,
            reason: "connection"
        ) { try $0.signal(SIGUSR1, $1) }
    }

    @Test func unix() async throws {
        let server = Self.perl(
            """
            unlink q(/run/row.sock); $s = IO::Socket::UNIX->new(Local => q(/run/row.sock), Listen => 9);
            while (1) { $c = $s->accept or next; close $c }
            """.replacing("\n", with: " "))
        try await self.heals(
            "unix", command: server, check: #"{ "type": "unix", "path": "/run/row.sock", \#(Self.often) }"#,
            reason: "connection"
        ) { _, _ in #expect(unlink("/run/row.sock") == 0) }
    }

    @Test func exec() async throws {
        try await self.heals(
            "exec", command: "rm -f /run/row-broken; exec sleep 100000",
            check:
                #"{ "type": "exec", "command": ["/bin/sh", "-c", "! test -e /run/row-broken || exit 2"], \#(Self.often) }"#,
            reason: "other"
        ) { _, _ in
            #expect(FileManager.default.createFile(atPath: "/run/row-broken", contents: nil))
        }
    }

    @Test func `exec with a plugin of Debian's`() async throws {
        let server = Self.perl(
            """
            $s = IO::Socket::INET->new(LocalAddr => q(127.0.0.1), LocalPort => 25503, Listen => 9, ReuseAddr => 1);
            $SIG{USR1} = sub { close $s; sleep 1000 }; while (1) { $c = $s->accept or next; close $c }
            """.replacing("\n", with: " "))
        try await self.heals(
            "plugin", command: server,
            check: """
                { "type": "exec", \(Self.often),
                  "command": ["/usr/lib/nagios/plugins/check_tcp", "-H", "127.0.0.1", "-p", "25503"] }
                """,
            reason: "other"
        ) { try $0.signal(SIGUSR1, $1) }
    }

    /// A program that reports five times a second, by heald's own command, until it is told to hang.
    @Test func heartbeat() async throws {
        let root = "/run/stage-row-heartbeat"
        let report = "\(Stage.binaries.appending(path: "healctl").path()) beat a it --runtime-dir \(root)/run"
        try await self.heals(
            "heartbeat",
            command: "trap \"while :; do sleep 1; done\" USR1; while :; do \(report); sleep 0.2; done",
            check: #"{ "type": "heartbeat", "every": "1500ms", "interval": "1s", "fall": 2, "rise": 1 }"#,
            reason: "stalled"
        ) { try $0.signal(SIGUSR1, $1) }
    }

    /// Two flags, of which one must be there.
    @Test func composite() async throws {
        let flag = { (name: String) in #"{ "type": "file", "path": "/run/row-flag-\#(name)", \#(Self.often) }"# }
        let policy = #"{ "type": "composite", "any": ["one", "two"] }, "one": \#(flag("1")), "two": \#(flag("2"))"#
        try await self.heals(
            "composite", command: "touch /run/row-flag-1 /run/row-flag-2; exec sleep 100000", check: policy,
            reason: "not_found", step: #"{ "action": "RESTART", "verify": "10s", "when": { "category": "PERMANENT" } }"#
        ) { _, _ in
            for number in 1...2 { #expect(unlink("/run/row-flag-\(number)") == 0) }
        }
    }

    @Test func resources() async throws {
        // Four times the limit, all of it touched.
        let eater = Self.perl("$SIG{USR1} = sub { $x = q(x) x (200 << 20) }; sleep 1 while 1")
        try await self.heals(
            "resources", command: eater, check: #"{ "type": "resources", "memory": "50M", \#(Self.often) }"#,
            reason: "resource"
        ) { try $0.signal(SIGUSR1, $1) }
    }

    @Test func disk() async throws {
        try await self.heals(
            "disk", command: "rm -f /run/row-disk/full; exec sleep 100000",
            check: #"{ "type": "disk", "path": "/run/row-disk", "free": "50%", \#(Self.often) }"#, reason: "resource",
            before: {
                try FileManager.default.createDirectory(atPath: "/run/row-disk", withIntermediateDirectories: true)
                let mounted = try run(
                    "/usr/bin/mount", ["-t", "tmpfs", "-o", "size=1M", "tmpfs", "/run/row-disk"])
                try #require(mounted.status == 0, "\(mounted.errors)")
            },
            breaking: { _, _ in try Data(count: 900_000).write(to: URL(filePath: "/run/row-disk/full")) })
    }

    /// A key and a certificate of its own in one file.
    private static func certificate(_ path: String, days: Int) throws {
        let made = try run(
            "/usr/bin/openssl",
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days \(days) "
                .appending("-addext subjectAltName=DNS:localhost -keyout \(path) -out \(path).crt")
                .split(separator: " ").map(String.init))
        try #require(made.status == 0, "\(made.errors)")
        let parts = try [path, "\(path).crt"].map { try String(contentsOfFile: $0, encoding: .utf8) }
        try parts.joined().write(toFile: path, atomically: true, encoding: .utf8)
    }

    @Test func `https with JSON`() async throws {
        let directory = "/run/row-https"
        try await self.heals(
            "https",
            command: "cd \(directory); cp fine health; exec openssl s_server -accept 127.0.0.1:25504 -cert a.pem -HTTP",
            check: """
                { "type": "http", "url": "https://localhost:25504/health", \(Self.often),
                  "tls": { "caFile": "\(directory)/a.pem" },
                  "expect": { "json": [{ "path": "$.state", "equals": "fine" }] } }
                """,
            reason: "unexpected_body",
            before: {
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                try Self.certificate("\(directory)/a.pem", days: 30)
                for state in ["fine", "broken"] {
                    try "HTTP/1.0 200 OK\r\n\r\n{\"state\": \"\(state)\"}\n".write(
                        toFile: "\(directory)/\(state)", atomically: true, encoding: .utf8)
                }
            },
            breaking: { _, _ in
                let copied = try run("/usr/bin/cp", ["\(directory)/broken", "\(directory)/health"])
                #expect(copied.status == 0)
            })
    }

    @Test func certificate() async throws {
        let directory = "/run/row-certificate"
        // Asked to, it goes on with a certificate that ends tomorrow.
        let server = """
            cd \(directory); serve() { openssl s_server -accept 127.0.0.1:25505 -cert $$1 -www & }; serve good.pem; \
            trap "kill $$!; wait $$!; serve soon.pem" USR1; while :; do sleep 0.1; done
            """
        try await self.heals(
            "certificate", command: server,
            check: """
                { "type": "certificate", "host": "127.0.0.1", "port": 25505, "expiresAfter": "7d", \(Self.often) }
                """,
            reason: "certificate",
            // Else nothing is restarted for a certificate.
            step: #"{ "action": "RESTART", "when": { "reason": ["certificate"] }, "verify": "10s" }"#,
            before: {
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                try Self.certificate("\(directory)/good.pem", days: 30)
                try Self.certificate("\(directory)/soon.pem", days: 1)
            },
            breaking: { try $0.signal(SIGUSR1, $1) })
    }

    @Test func journal() async throws {
        let server = Self.perl("$SIG{USR1} = sub { print STDERR qq(panic: nothing works\\n) }; sleep 1 while 1")
        try await self.heals(
            "journal", command: server, check: #"{ "type": "journal", "pattern": "^panic", \#(Self.often) }"#,
            reason: "log_pattern"
        ) { try $0.signal(SIGUSR1, $1) }
    }

    @Test func file() async throws {
        try await self.heals(
            "file", command: "touch /run/row-fresh; exec sleep 100000",
            check: #"{ "type": "file", "path": "/run/row-fresh", "maxAge": "10m", \#(Self.often) }"#,
            reason: "stalled"
        ) { _, _ in
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -3_600)], ofItemAtPath: "/run/row-fresh")
        }
    }
}
