import AuditTrail
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization

/// The audit trail as heald starts with it.
struct Trail: Sendable {
    var store: any AuditStore
    var outbox: any Outbox
    /// `nil` where it could not be opened.
    var database: AuditDatabase?
    /// What has to be said of its opening.
    var note: String?
}

/// Opens the audit trail, or finds out whether heald can do without it for now.
enum TrailOpening {
    /// - Parameters:
    ///   - onDamage: called when damage shows, now or later, with what was done about it.
    ///   - onBack: called when a trail that cannot be opened now can be.
    /// - Throws: `StartError` where starting without it would be wrong: another heald has it, or it is not where the
    ///   operator says.
    static func open(
        _ directory: String, now: WallTime, onDamage: @escaping @Sendable (Quarantine) -> Void,
        onBack: @escaping @Sendable () -> Void
    ) throws(StartError) -> Trail {
        do {
            let database = try Self.database(directory, now: now, onDamage: onDamage)
            if let quarantine = database.quarantinedAtOpen { onDamage(quarantine) }
            return Trail(store: database, outbox: database, database: database)
        } catch let error as AuditError {
            switch error.code {
            case .locked: throw StartError(.tryAgain, [error.description])
            case .newerSchema: throw StartError(.configuration, [error.description])
            case .missing: throw StartError(.cannotCreate, [error.description])
            case .readOnly, .full, .corrupt, .notPermitted, .olderSchema, .failed:
                return Self.without(directory, error, onBack)
            }
        } catch {
            return Self.without(directory, error, onBack)
        }
    }

    private static func database(
        _ directory: String, now: WallTime, onDamage: @escaping @Sendable (Quarantine) -> Void
    ) throws -> AuditDatabase {
        try AuditDatabase(lock: StateLock(stateDirectory: directory), now: now, onQuarantine: onDamage)
    }

    private static func without(
        _ directory: String, _ error: any Error, _ onBack: @escaping @Sendable () -> Void
    ) -> Trail {
        let substitute = UnopenedTrail(error: error, onBack: onBack) {
            let database = try Self.database(directory, now: SystemClock().now().wall, onDamage: { _ in })
            try database.close()
        }
        return Trail(store: substitute, outbox: substitute, database: nil)
    }
}

/// Stands in for a trail that cannot be opened. Nothing can be written to it, so nothing is acted on; checks, status and
/// alerts work. What is in the trail is not known meanwhile, so once it can be opened heald starts anew with it.
final class UnopenedTrail: AuditStore, Outbox {
    private let error: any Error
    private let onBack: @Sendable () -> Void
    private let open: @Sendable () throws -> Void

    init(error: any Error, onBack: @escaping @Sendable () -> Void, open: @escaping @Sendable () throws -> Void) {
        self.error = error
        self.onBack = onBack
        self.open = open
    }

    func restore() throws -> RestoredState { RestoredState() }

    /// The loop tries again and again, further and further apart: that is when the trail is looked at.
    func commit(_ batch: AuditBatch) throws -> Int64 {
        do {
            try self.open()
        } catch {
            throw error
        }
        self.onBack()
        throw self.error
    }

    func alive(at time: WallTime) throws { throw self.error }

    func lastRecords(_ most: Int) throws -> [NumberedRecord] { [] }

    func pending(limit: Int) throws -> [OutboxEntry] { [] }
    func delivered(_ id: Int64, channel: String) throws {}
    func failed(_ id: Int64, channel: String, error: String) throws {}
    func finished(_ id: Int64) throws {}
}
