import Foundation
import Testing

extension ProgramTests {
    /// A cluster, and heald.
    private final class PostgreSQL {
        static let unit = "postgresql@15-main.service"

        let stage: Stage

        init(_ name: String) throws {
            try Self.cluster.get()
            try DebianPrograms.shell("systemctl start \(Self.unit)")
            self.stage = try DebianPrograms.stage(
                name, policy: "postgresql", hastened: [#""timeout": "2m""#: #""timeout": "5s""#])
        }

        /// In the testbed's file system, which is thrown away: a cluster of the host's is not touched.
        private static let cluster = Result {
            try DebianPrograms.shell(
                """
                rm -rf /var/lib/postgresql/15/main /etc/postgresql/15/main
                pg_createcluster --port 5432 15 main && systemctl daemon-reload
                """)
        }.map { _ in }

        func query(_ statement: String) throws -> String {
            try DebianPrograms.shell("setpriv --reuid=postgres --clear-groups psql -XAtq -d postgres -c '\(statement)'")
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    @Test(arguments: [("killed", SIGKILL, "unit"), ("stopped", SIGSTOP, "ready")])
    func `postgresql: a killed or stopped process`(name: String, signal: Int32, check: String) async throws {
        let postgresql = try PostgreSQL("postgresql-\(name)")
        try await postgresql.stage.isUp()
        #expect(try postgresql.query("CREATE TABLE \(name) AS SELECT 7 AS a").isEmpty)
        try postgresql.stage.signal(signal, PostgreSQL.unit)
        let incident = try await postgresql.stage.healed()
        #expect(incident.cause.check == check)
        #expect(incident.attempts == ["RESTART"])
        #expect(try postgresql.query("SELECT a FROM \(name)") == "7")
    }
}
