import Foundation
import GRDB
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import AuditTrail

@Suite struct VerificationTests {
    /// Changes the file behind the back of the audit trail.
    private func tamper(_ scene: Scene, _ sql: String) throws -> Int {
        let queue = try DatabaseQueue(path: scene.path)
        defer { try? queue.close() }
        return try queue.write { db in
            try db.execute(sql: sql)
            return db.changesCount
        }
    }

    private func written(_ seed: UInt64, steps: Int = 60) throws -> Scene {
        let scene = try Scene()
        try scene.with { try History(seed: seed, options: .init(steps: steps)).write(to: $0) }
        return scene
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `what was written verifies`(seed: UInt64) throws {
        let scene = try self.written(seed)
        let report = try scene.reader().verify()
        #expect(report.findings == [])
        #expect(report.records > 40)
        #expect(report.remarks == [])
    }

    static let tables = [
        "record", "incident", "action", "run", "exclusion", "supervised", "incident_day", "rollup", "rollup_action",
        "head",
        "state",
    ]

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `an edit of any column of any row is found`(seed: UInt64) throws {
        let scene = try self.written(seed)
        var saved = AuditBatch()
        saved.host = SavedHost()
        _ = try scene.with { try $0.commit(saved) }
        let original = try scene.snapshot()
        let head = try scene.reader().head
        // No row says when the last sign of life was but this one, and a run's end may follow from it.
        let exempt = ["head.alive_us", "run.ended_us"]
        let columns = try scene.reader().read { db in
            try Self.tables.flatMap { table in
                try db.all("SELECT name, type, pk FROM pragma_table_info(?)", [.text(table)]) {
                    (table: table, name: $0.text(0), type: $0.text(1), isKey: $0.int(2) > 0)
                }
            }
        }
        var generator = SeededGenerator(seed: seed)
        var edits = 0
        for column in columns where !exempt.contains("\(column.table).\(column.name)") {
            let name = column.name
            let value =
                switch column.type {
                case "INTEGER": "coalesce(\(name), 5) + 1"
                case "TEXT": "coalesce(\(name), '') || 'x'"
                default: "zeroblob(6) || \(name)"
                }
            let key = columns.filter { $0.table == column.table && $0.isKey }.map(\.name).joined(separator: ", ")
            let changed = try? self.tamper(
                scene,
                """
                UPDATE \(column.table) SET \(name) = \(value)
                WHERE (\(key)) IN (
                  SELECT \(key) FROM \(column.table) ORDER BY \(key) LIMIT 1
                  OFFSET \(generator.next() >> 1) % (SELECT count(*) FROM \(column.table)))
                """)
            if changed == 1 {
                edits += 1
                let report = try? scene.reader().verify(expectedHead: head)
                #expect(report?.isIntact != true, "\(column.table).\(name)")
            }
            try scene.restore(original)
        }
        #expect(edits > 50)
        #expect(try scene.reader().verify(expectedHead: head).findings == [])
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `a record that is missing, moved, repeated or cut off is found, and named`(seed: UInt64) throws {
        let scene = try self.written(seed)
        let original = try scene.snapshot()
        let head = try scene.reader().head
        let last = head.sequence
        var generator = SeededGenerator(seed: seed)
        let a = 2 + Int64(generator.next() % UInt64(last - 3))
        let b = a == last - 1 ? a - 1 : a + 1
        let cases: [(sql: String, bad: Int64)] = [
            ("DELETE FROM record WHERE seq = \(a)", a),
            ("DELETE FROM record WHERE seq >= \(a)", a),
            ("DELETE FROM record WHERE seq = 1", 1),
            (
                """
                UPDATE record SET seq = -1 WHERE seq = \(a); UPDATE record SET seq = \(a) WHERE seq = \(b);
                UPDATE record SET seq = \(b) WHERE seq = -1
                """, min(a, b)
            ),
            (
                """
                UPDATE record SET seq = -seq WHERE seq > \(a); UPDATE record SET seq = 1 - seq WHERE seq < 0;
                INSERT INTO record SELECT \(a + 1), at_us, incident, component, kind, body, hash FROM record
                WHERE seq = \(a)
                """, a + 1
            ),
            (
                """
                DELETE FROM record WHERE seq > \(a);
                UPDATE head SET seq = \(a), hash = (SELECT hash FROM record WHERE seq = \(a))
                """, a + 1
            ),
        ]
        for (sql, bad) in cases {
            _ = try self.tamper(scene, sql)
            let report = try scene.reader().verify(expectedHead: head)
            #expect(report.firstBadRecord == bad, "\(sql): \(report.findings)")
            try scene.restore(original)
        }
    }

    @Test func `a copy of the chain's end finds a trail that was written anew`() throws {
        let honest = try self.written(1)
        let forged = try self.written(2, steps: 200)
        let copy = try honest.reader().head
        #expect(try forged.reader().verify().isIntact)
        let report = try forged.reader().verify(expectedHead: copy)
        #expect(report.firstBadRecord == copy.sequence)
        #expect(try honest.reader().verify(expectedHead: copy).isIntact)
        #expect(ChainHead(copy.description) == copy)
    }
}
