import Foundation
import GRDB
import Glibc
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization
import Testing

@testable import AuditTrail

@Suite struct DamageTests {
    /// A database with some history, at rest.
    private func written() throws -> (scene: Scene, bytes: Data) {
        let scene = try Scene()
        try scene.with { database in
            try History(seed: 3, options: .init(steps: 80)).write(to: database)
            var batch = AuditBatch()
            batch.host = SavedHost(nextIncident: 500, nextAction: 900)
            try database.commit(batch)
        }
        return (scene, try scene.snapshot())
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `whatever becomes of the file, it opens within two seconds and works`(part: UInt64) throws {
        let (scene, bytes) = try self.written()
        let head = try scene.reader().head
        var generator = SeededGenerator(seed: 1_000 + part)
        var quarantined = 0
        for _ in 0..<40 {
            var spoilt = bytes
            switch generator.next() % 4 {
            case 0: spoilt = spoilt.prefix(Int(generator.next() % UInt64(bytes.count)))
            case 1:
                let start = Int(generator.next() % UInt64(bytes.count))
                for index in start..<min(bytes.count, start + 512) { spoilt[index] = UInt8(generator.next() & 0xFF) }
            default:
                for _ in 0...(generator.next() % 8) {
                    let index = Int(generator.next() % UInt64(bytes.count))
                    spoilt[index] ^= UInt8(1 << (generator.next() % 8))
                }
            }
            try scene.restore(spoilt)
            let clock = ContinuousClock()
            let begin = clock.now
            let database = try scene.open()
            _ = try database.restore()
            try database.commit(Scene.batch(scene.healedIncident("new", 10_000, action: 10_000), durable: true))
            #expect(clock.now - begin < .seconds(2))
            let isQuarantined = database.quarantinedAtOpen != nil
            quarantined += isQuarantined ? 1 : 0
            try database.close()
            let report = try scene.reader().verify(expectedHead: isQuarantined ? nil : head)
            if isQuarantined {
                #expect(report.findings == [])
                let aside = try #require(database.quarantinedAtOpen?.path)
                let kept = try Data(contentsOf: URL(fileURLWithPath: aside))
                #expect(kept.count >= min(spoilt.count, 1))
            } else if spoilt != bytes, report.isIntact {
                // Only bytes that mean nothing (free space, counters in the header) may go unnoticed: then every row
                // must be as it was.
                #expect(try self.rows(scene, through: head.sequence) == self.originalRows(bytes, head.sequence))
            }
        }
        #expect(quarantined > 5)
    }

    private func originalRows(_ bytes: Data, _ last: Int64) throws -> [String] {
        let scene = try Scene()
        try scene.restore(bytes)
        return try self.rows(scene, through: last)
    }

    private func rows(_ scene: Scene, through last: Int64) throws -> [String] {
        try scene.reader().read { db in
            try db.all("SELECT seq || kind || body || hex(hash) FROM record WHERE seq <= ? ORDER BY seq", [.int(last)])
            {
                $0.text(0)
            }
        }
    }

    @Test func `saved states and unresolved incidents come along into the new database`() throws {
        let scene = try Scene()
        var database = try scene.open()
        var batch = Scene.batch([scene.opened("api", 41)], durable: true)
        let incident = SavedIncident(
            id: 41, state: .open,
            cause: IncidentCause(check: "unit", category: .transient, reason: .crashed, message: "killed by SIGKILL"),
            severity: .high, failedAt: scene.now - .milliseconds(2), detectedAt: scene.now, rootCause: nil)
        let saved = SavedComponent(incident: incident, breaker: SavedBreaker(failures: [scene.now]))
        batch.components = [(name: "api", state: saved)]
        batch.host = SavedHost(nextIncident: 42, nextAction: 7, actions: [scene.now])
        try database.commit(batch)
        let expected = try database.restore()
        try database.close()
        // The root page of one table is spoilt; the states can still be read.
        let page = try DatabaseQueue(path: scene.path).read {
            try Int.fetchOne($0, sql: "SELECT rootpage FROM sqlite_master WHERE name = 'record'") ?? 0
        }
        var bytes = try scene.snapshot()
        for index in (page - 1) * 4096..<page * 4096 { bytes[index] = 0xAA }
        try scene.restore(bytes)
        database = try scene.open()
        #expect(database.quarantinedAtOpen?.statesSaved == true)
        #expect(try database.restore() == expected)
        scene.pass(.seconds(5))
        try database.commit(Scene.batch([scene.record(.incidentResolved(at: scene.now, by: .heald), "api", 41)]))
        let incidents = try scene.reader().incidents()
        #expect(incidents.map(\.id) == [41])
        #expect(incidents.first?.timeToRecover == .microseconds(5_002_000))
        #expect(try scene.reader().verify().isIntact)
    }

    @Test func `damage that shows while it runs is set aside and the batch is not lost`() throws {
        let scene = try Scene()
        let told = Mutex<[Quarantine]>([])
        let database = try AuditDatabase(lock: StateLock(stateDirectory: scene.directory), now: scene.now) {
            quarantine in
            told.withLock { $0.append(quarantine) }
        }
        var batch = Scene.batch([scene.opened("api", 1)], durable: true)
        batch.host = SavedHost(nextIncident: 2, nextAction: 1)
        try database.commit(batch)
        let other = try DatabaseQueue(path: scene.path)
        try other.write { try $0.execute(sql: "DROP TABLE record") }
        try other.close()
        scene.pass(.seconds(1))
        let clock = ContinuousClock()
        let begin = clock.now
        try database.commit(Scene.batch(scene.healedIncident("db", 2, action: 1), durable: true))
        #expect(clock.now - begin < .seconds(2))
        #expect(told.withLock { $0.map(\.path) } == [scene.path + ".corrupt-20261120T000003Z"])
        #expect(try database.restore().host.nextIncident == 3)
        #expect(try scene.reader().incidents().map(\.id) == [2])
        #expect(try scene.reader().verify().isIntact)
    }

    @Test func `a newer schema is refused and left as it is`() throws {
        let scene = try Scene()
        try scene.with { _ in }
        let queue = try DatabaseQueue(path: scene.path)
        try queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('3')") }
        try queue.close()
        let refusal = #expect(throws: AuditError.self) { try scene.open() }
        #expect(refusal?.code == .newerSchema)
        let readerRefusal = #expect(throws: AuditError.self) { try scene.reader() }
        #expect(readerRefusal?.code == .newerSchema)
        let names = try FileManager.default.contentsOfDirectory(atPath: scene.directory)
        #expect(!names.contains { $0.contains("corrupt") })
    }

    @Test func `no database yet is told apart`() throws {
        let scene = try Scene()
        let refusal = #expect(throws: AuditError.self) { try scene.reader() }
        #expect(refusal?.code == .missing)
        let nowhere = #expect(throws: AuditError.self) { try StateLock(stateDirectory: scene.directory + "/none") }
        #expect(nowhere?.code == .missing)
    }

    @Test func `hostile text is kept safe and short`() throws {
        let scene = try Scene()
        let hostile = "\u{1b}[2J\u{202e}abc\u{0}\r\n\u{feff}é" + String(repeating: "€\n", count: 9_000)
        let database = try scene.open()
        try database.commit(
            Scene.batch([
                scene.opened("api", 1, message: hostile),
                scene.record(.evidence(kind: .journal, text: hostile + "the end"), "api", 1),
                scene.record(
                    .actionSkipped(id: 1, action: "RESTART", attempt: 1, step: 0, why: hostile), "api", 1),
            ]))
        let timeline = try #require(try scene.reader().incident(1))
        let message = timeline.report.cause.message
        #expect(message.count <= 500)
        #expect(message.hasPrefix("\\u{1b}[2J\\u{202e}abc\\u{0}\\u{d}\\u{a}\\u{feff}é€\\u{a}"))
        #expect((timeline.report.actions.first?.detail ?? "").utf8.count <= 1024)
        guard case .evidence(_, let text)? = timeline.entries[1].record?.body else {
            Issue.record("the evidence is missing")
            return
        }
        #expect(text.utf8.count <= 4096)
        #expect(text.hasSuffix("€\nthe end"))
        let all = timeline.entries.map(\.text).joined() + message + text
        #expect(!all.unicodeScalars.contains { $0.value < 32 && $0 != "\n" || $0.value == 0x202E })
    }

    @Test(.enabled(if: geteuid() == 0 && access("/usr/bin/unshare", X_OK) == 0, "needs root and unshare to mount"))
    func `a full disk refuses the commit and works again when there is space`() throws {
        let scene = try Scene()
        let text = try self.inNamespace(
            "mount -t tmpfs -o size=512k,mode=750 tmpfs \"$1\"", scene.directory, "AUDIT_FULL_DISK",
            test: "onTheFullDisk")
        #expect(text.contains("1 test"), "\(text)")
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["AUDIT_FULL_DISK"] != nil, "run by another test"))
    func onTheFullDisk() throws {
        let directory = try #require(ProcessInfo.processInfo.environment["AUDIT_FULL_DISK"])
        let database = try AuditDatabase(lock: StateLock(stateDirectory: directory), now: Scene.start)
        let filler = directory + "/filler"
        _ = FileManager.default.createFile(atPath: filler, contents: Data(count: 100_000))
        var written: Int64 = 0
        var refusal: AuditError?
        while refusal == nil, written < 10_000 {
            let note = AuditRecord(at: Scene.start, .note("n\(written)"))
            do {
                try database.commit(Scene.batch([note], durable: true))
                written += 1
            } catch let error as AuditError {
                refusal = error
            }
        }
        #expect(refusal?.code == .full)
        #expect(try database.head.sequence == written)
        // Reading goes on.
        #expect(try AuditReader(stateDirectory: directory).verify().isIntact)
        try FileManager.default.removeItem(atPath: filler)
        try database.commit(Scene.batch([AuditRecord(at: Scene.start, .note("space again"))], durable: true))
        #expect(try database.head.sequence == written + 1)
        #expect(try AuditReader(stateDirectory: directory).verify().isIntact)
        try database.close()
    }

    @Test(.enabled(if: geteuid() == 0 && access("/usr/bin/unshare", X_OK) == 0, "needs root and unshare to mount"))
    func `a read-only directory is refused to the writer and open to the reader`() throws {
        let scene = try Scene()
        _ = try scene.with { try $0.commit(Scene.batch([scene.opened("api", 1)], durable: true)) }
        let text = try self.inNamespace(
            "mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\"", scene.directory, "AUDIT_READ_ONLY",
            test: "onTheReadOnlyDirectory")
        #expect(text.contains("1 test"), "\(text)")
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["AUDIT_READ_ONLY"] != nil, "run by another test"))
    func onTheReadOnlyDirectory() throws {
        let directory = try #require(ProcessInfo.processInfo.environment["AUDIT_READ_ONLY"])
        let refusal = #expect(throws: AuditError.self) { try StateLock(stateDirectory: directory) }
        #expect(refusal?.code == .readOnly)
        #expect(
            refusal?.description
                == "Could not lock the state directory. Why: \(directory)/heald.lock: Read-only file system. Fix: Make the "
                + "state directory and the files in it writable for heald's user.")
        #expect(try AuditReader(stateDirectory: directory).incidents().map(\.id) == [1])
    }

    /// Runs this very test binary for one test, in a mount namespace of its own prepared by a shell line.
    private func inNamespace(
        _ preparation: String, _ directory: String, _ variable: String, test: String
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        process.arguments =
            ["-m", "--propagation", "private", "sh", "-c", "\(preparation) && shift && exec \"$@\"", "sh", directory]
            + [CommandLine.arguments[0], "--testing-library", "swift-testing", "--filter", test]
        process.environment = ProcessInfo.processInfo.environment.merging([variable: directory]) { $1 }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
        return text
    }
}
