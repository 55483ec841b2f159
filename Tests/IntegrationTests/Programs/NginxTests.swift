import Foundation
import Testing

extension ProgramTests {
    /// nginx serves its first release, behind heald.
    private final class Nginx {
        static let unit = "nginx.service"
        static let current = "/srv/nginx/current"

        let stage: Stage

        init(_ name: String) throws {
            try DebianPrograms.shell(
                """
                systemctl stop nginx; systemctl reset-failed nginx 2>/dev/null
                rm -rf /srv/nginx /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*
                mkdir -p /srv/nginx/releases /var/cache/nginx
                echo 'include /srv/nginx/current/*.conf;' > /etc/nginx/sites-enabled/site
                """)
            try Self.write(release: "v1", "location / { return 200 'release v1'; }")
            try FileManager.default.createSymbolicLink(atPath: Self.current, withDestinationPath: "releases/v1")
            try DebianPrograms.shell("systemctl start nginx")
            self.stage = try DebianPrograms.stage(
                name, policy: "nginx",
                hastened: [
                    #""timeout": "15s""#: #""timeout": "2s""#, #""5m""#: #""1s""#,
                    #""interval": "2s""#: #""interval": "1s""#,
                ])
        }

        deinit { _ = try? DebianPrograms.shell("systemctl stop nginx") }

        static func write(release: String, _ site: String) throws {
            let directory = "/srv/nginx/releases/\(release)"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try "server { listen 127.0.0.1:80; \(site) }\n".write(
                toFile: directory + "/site.conf", atomically: true, encoding: .utf8)
        }

        /// As a deployment does it, which does not look whether it went well.
        func deploy(_ release: String) throws {
            try DebianPrograms.shell(
                """
                ln -s releases/\(release) /srv/nginx/.new && mv -T /srv/nginx/.new \(Self.current)
                systemctl restart nginx || true
                """)
        }

        func page() throws -> String {
            try DebianPrograms.shell(
                #"perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new("127.0.0.1:80") or die; print $s "GET / HTTP/1.0\r\n\r\n"; local $/; print <$s>'"#
            )
        }

        func isGood(_ release: String) async throws {
            try await self.stage.wait(for: "the word that \(release) is good") {
                try self.stage.log().contains("release \(release) is known as good")
            }
        }
    }

    @Test func `nginx: a killed process`() async throws {
        let nginx = try Nginx("nginx-killed")
        try await nginx.stage.isUp()
        try nginx.stage.signal(SIGKILL, Nginx.unit)
        let incident = try await nginx.stage.healed()
        #expect(incident.attempts == ["RESTART"])
        #expect(try nginx.page().contains("release v1"))
    }

    @Test func `nginx: stopped processes`() async throws {
        let nginx = try Nginx("nginx-stopped")
        try await nginx.stage.isUp()
        try nginx.stage.systemctl("kill", "--signal=SIGSTOP", Nginx.unit)
        let incident = try await nginx.stage.healed()
        #expect(incident.cause.check == "http")
        #expect(incident.cause.reason == "timeout")
        #expect(incident.attempts == ["RESTART"])
        #expect(try nginx.page().contains("release v1"))
    }

    @Test(arguments: [
        // It does not start, or starts and serves nothing.
        ("rejected", "locations / { return 200 'release v2'; }", ["RESTART", "ROLLBACK"]),
        ("empty", "location / { return 404; }", ["ROLLBACK"]),
    ])
    func `nginx: a bad configuration release is rolled back`(
        name: String, site: String, expected: [String]
    ) async throws {
        let nginx = try Nginx("nginx-\(name)")
        try await nginx.stage.isUp()
        try await nginx.isGood("v1")
        try Nginx.write(release: "v2", site)
        try nginx.deploy("v2")
        let incident = try await nginx.stage.healed()
        #expect(incident.attempts == expected)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: Nginx.current) == "releases/v1")
        #expect(try nginx.page().contains("release v1"))
    }

    @Test func `nginx: a full cache is cleared`() async throws {
        try DebianPrograms.shell(
            "mkdir -p /var/cache/nginx && mount -t tmpfs -o size=2M,mode=700,uid=33 tmpfs /var/cache/nginx")
        defer { _ = try? DebianPrograms.shell("umount -l /var/cache/nginx") }
        let nginx = try Nginx("nginx-full")
        try await nginx.stage.isUp()
        try DebianPrograms.shell(
            "setpriv --reuid=33 --clear-groups sh -c 'mkdir -p /var/cache/nginx/a/b && head -c 3M /dev/zero > /var/cache/nginx/a/b/page || true'"
        )
        let incident = try await nginx.stage.healed()
        #expect(incident.cause.check == "cache-room")
        #expect(incident.attempts == ["CLEAR_CACHE"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: "/var/cache/nginx").isEmpty)
        #expect(try nginx.page().contains("release v1"))
    }
}
