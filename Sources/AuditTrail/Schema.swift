import GRDB

/// The tables. Every change is a new migration; the ones that stand are never edited.
///
/// `record` is the truth; `incident`, `action`, `run`, `exclusion`, `supervised`, `incident_day`, `rollup` and
/// `rollup_action` follow from it and are written in the same transaction. `state` and `outbox` are what the supervisor
/// itself needs after a restart; they are no history.
///
/// In tables WITHOUT ROWID the key's columns come first: where they do not, `quick_check` of SQLite 3.40 reports values
/// as NULL that are not.
enum Schema {
    /// The "application id" in the file's header: `heal`.
    static let applicationID: Int64 = 0x6865_616C

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(sql: Self.version1)
        }
        migrator.registerMigration("2") { db in
            try db.execute(sql: Self.version2)
        }
        return migrator
    }

    /// Everything the schema consists of, for comparison with what a file has.
    static func objects(_ db: Database) throws -> [String] {
        try db.all(
            """
            SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master
            WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1
            """
        ) { $0.text(0) }
    }

    /// Drills: which one an incident belongs to, and the ends of drills, which are counted from the records themselves.
    private static let version2 = """
        ALTER TABLE incident ADD COLUMN drill INTEGER;
        CREATE INDEX record_drill_ended ON record(at_us) WHERE kind = 'drillEnded';
        """

    private static let version1 = """
        CREATE TABLE record(
          seq INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, incident INTEGER, component TEXT, kind TEXT NOT NULL,
          body TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
        CREATE TABLE head(
          id INTEGER PRIMARY KEY CHECK (id = 1), first_seq INTEGER NOT NULL, anchor BLOB NOT NULL,
          seq INTEGER NOT NULL, hash BLOB NOT NULL, alive_us INTEGER) STRICT;
        INSERT INTO head VALUES (1, 1, zeroblob(32), 0, zeroblob(32), NULL);
        CREATE TABLE incident(
          id INTEGER PRIMARY KEY, component TEXT NOT NULL, state TEXT NOT NULL, severity TEXT NOT NULL,
          cause_check TEXT NOT NULL, category TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
          root_cause TEXT, previous INTEGER, failed_us INTEGER NOT NULL, detected_us INTEGER NOT NULL,
          resolved_us INTEGER, healer TEXT, gap_us INTEGER, down_from_us INTEGER,
          first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL) STRICT;
        CREATE INDEX incident_unresolved ON incident(component) WHERE resolved_us IS NULL;
        CREATE INDEX incident_resolved_component ON incident(component) WHERE resolved_us IS NOT NULL;
        CREATE INDEX incident_resolved_reason ON incident(reason) WHERE resolved_us IS NOT NULL;
        CREATE INDEX incident_resolved_category ON incident(category) WHERE resolved_us IS NOT NULL;
        CREATE TABLE action(
          incident INTEGER NOT NULL, id INTEGER NOT NULL, action TEXT NOT NULL, attempt INTEGER NOT NULL,
          step INTEGER NOT NULL, unit TEXT, why TEXT NOT NULL, started_us INTEGER NOT NULL, finished_us INTEGER,
          result TEXT, detail TEXT, verified INTEGER CHECK (verified IN (0, 1)), verified_us INTEGER, verification TEXT,
          PRIMARY KEY (incident, id)) STRICT, WITHOUT ROWID;
        CREATE TABLE run(
          seq INTEGER PRIMARY KEY, started_us INTEGER NOT NULL, ended_us INTEGER, version TEXT NOT NULL,
          reason TEXT) STRICT;
        CREATE TABLE exclusion(
          component TEXT NOT NULL, seq INTEGER NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER, why TEXT NOT NULL,
          PRIMARY KEY (component, seq)) STRICT, WITHOUT ROWID;
        CREATE TABLE supervised(
          component TEXT NOT NULL, seq INTEGER NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER,
          PRIMARY KEY (component, seq)) STRICT, WITHOUT ROWID;
        CREATE TABLE incident_day(
          day INTEGER NOT NULL, incident INTEGER NOT NULL, down_us INTEGER NOT NULL,
          PRIMARY KEY (day, incident)) STRICT, WITHOUT ROWID;
        CREATE TABLE rollup(
          level INTEGER NOT NULL, bucket INTEGER NOT NULL, component TEXT NOT NULL,
          incidents INTEGER NOT NULL, detect_us INTEGER NOT NULL, recover_us INTEGER NOT NULL,
          gaps INTEGER NOT NULL, gap_us INTEGER NOT NULL, healable INTEGER NOT NULL, healed INTEGER NOT NULL,
          down_us INTEGER NOT NULL, detect BLOB NOT NULL, recover BLOB NOT NULL, gap BLOB NOT NULL,
          PRIMARY KEY (level, bucket, component)) STRICT, WITHOUT ROWID;
        CREATE TABLE rollup_action(
          level INTEGER NOT NULL, bucket INTEGER NOT NULL, component TEXT NOT NULL, action TEXT NOT NULL,
          succeeded INTEGER NOT NULL, failed INTEGER NOT NULL,
          PRIMARY KEY (level, bucket, component, action)) STRICT, WITHOUT ROWID;
        CREATE TABLE state(
          name TEXT PRIMARY KEY, body TEXT NOT NULL, digest INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE outbox(
          id INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL, delivered TEXT NOT NULL,
          attempts INTEGER NOT NULL, error TEXT) STRICT;
        """
}
