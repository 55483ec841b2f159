import Foundation
import Testing

extension ProgramTests {
    /// A primary, an instance that stands by to take over its data, and heald.
    private final class Redis {
        static let primary = "redis-server.service"
        static let standby = "redis-server@standby.service"
        static let active = "/srv/redis/active.sock"

        let stage: Stage

        init(_ name: String) throws {
            try Self.tearDown()
            // As Docs/programs.md says.
            try DebianPrograms.shell(
                #"""
                cd /etc/redis
                test -e redis.conf.debian || cp -p redis.conf redis.conf.debian
                cp -p redis.conf.debian redis.conf
                printf '%s\n' 'appendonly yes' 'unixsocket /run/redis/redis-server.sock' 'unixsocketperm 770' >> redis.conf
                sed -e 's@/run/redis/@/run/redis-standby/@' -e 's@redis-server.log@redis-server-standby.log@' \
                  redis.conf > redis-standby.conf
                chown redis:redis redis-standby.conf
                mkdir -p /srv/redis
                ln -sfn /run/redis/redis-server.sock /srv/redis/active.sock
                systemctl start redis-server
                """#)
            self.stage = try DebianPrograms.stage(
                name, policy: "redis", hastened: [#""timeout": "60s""#: #""timeout": "2s""#, #""45s""#: #""5s""#])
        }

        deinit { try? Self.tearDown() }

        private static func tearDown() throws {
            try DebianPrograms.shell(
                """
                systemctl stop redis-server redis-server@standby 2>/dev/null
                systemctl reset-failed 'redis*' 2>/dev/null
                rm -rf /var/lib/redis/*
                """)
        }

        /// By the way that clients take.
        func ask(_ command: String) throws -> String {
            try DebianPrograms.shell("redis-cli -e -s \(Self.active) \(command)")
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    @Test func `redis: a killed process`() async throws {
        let redis = try Redis("redis-killed")
        try await redis.stage.isUp()
        try redis.stage.signal(SIGKILL, Redis.primary)
        // Debian's unit has Restart=always: heald leaves it to systemd and sees it through.
        let incident = try await redis.stage.healed()
        #expect(incident.cause.reason == "crashed")
        #expect(try redis.ask("SET a 1") == "OK")
    }

    @Test func `redis: a stopped process`() async throws {
        let redis = try Redis("redis-stopped")
        try await redis.stage.isUp()
        try redis.stage.signal(SIGSTOP, Redis.primary)
        let incident = try await redis.stage.healed()
        #expect(incident.cause.check == "write")
        #expect(incident.cause.reason == "timeout")
        #expect(incident.attempts == ["RESTART"])
        #expect(try redis.ask("SET a 1") == "OK")
    }

    @Test func `redis: a dead primary is failed over to its standby`() async throws {
        let redis = try Redis("redis-dead")
        try await redis.stage.isUp()
        #expect(try redis.ask("SET precious kept") == "OK")
        try DebianPrograms.shell("echo 'no-such-directive yes' >> /etc/redis/redis.conf")
        try redis.stage.signal(SIGKILL, Redis.primary)
        let incident = try await redis.stage.healed()
        #expect(incident.attempts.last == "FAILOVER")
        #expect(try !redis.stage.isActive(Redis.primary))
        #expect(try redis.stage.isActive(Redis.standby))
        #expect(try redis.ask("GET precious") == "kept")
        #expect(try redis.ask("SET precious changed") == "OK")
    }
}
