import GRDB
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization

/// A damaged database that was set aside, and a new one begun.
public struct Quarantine: Hashable, Sendable {
    /// Where the damaged file is now.
    public var path: String
    /// What was found, half a sentence.
    public var finding: String
    /// The saved states (budgets, open incidents) could be taken over into the new database.
    public var statesSaved: Bool
}

/// How the audit trail is kept.
public struct AuditOptions: Hashable, Sendable {
    /// Records older than this are removed; those of unresolved incidents, and all after them, never.
    public var retention: Duration
    /// More records than this are removed from the oldest on, by the same rule.
    public var mostRecords: Int64

    public init(retention: Duration = .seconds(400 * 86_400), mostRecords: Int64 = 5_000_000) {
        self.retention = retention
        self.mostRecords = mostRecords
    }
}

/// The audit trail as its one writer has it: `audit.sqlite` in the state directory.
///
/// Thread-safe; every call blocks until SQLite is done. Only one call runs at a time, so what other threads do (the
/// outbox) is kept short.
///
/// Where the disk is full a `commit` throws, leaves nothing half done, and the next one works as soon as there is space;
/// no space is held in reserve, because the supervisor does nothing risky that it cannot record.
public final class AuditDatabase: AuditStore, Outbox, Sendable {
    public static let fileName = "audit.sqlite"

    /// What was set aside when it was opened.
    public let quarantinedAtOpen: Quarantine?
    let options: AuditOptions
    let path: String
    private let lock: StateLock
    private let onQuarantine: @Sendable (Quarantine) -> Void
    private let store: Mutex<Store?>

    /// Opens the database, or begins one, or sets a damaged one aside and begins a new one.
    ///
    /// - Parameters:
    ///   - lock: the right to write the directory it is in.
    ///   - now: dates a quarantine.
    ///   - onQuarantine: called when damage shows later, from the thread whose call met it. The call itself succeeds in
    ///     the new database, which begins with the saved states and the unresolved incidents.
    /// - Throws: `AuditError`.
    public init(
        lock: StateLock, now: WallTime, options: AuditOptions = AuditOptions(),
        onQuarantine: @escaping @Sendable (Quarantine) -> Void = { _ in }
    ) throws {
        self.lock = lock
        self.options = options
        self.path = lock.stateDirectory + "/" + Self.fileName
        self.onQuarantine = onQuarantine
        do {
            let opened = try StoreOpening.open(path: self.path, now: now)
            self.quarantinedAtOpen = opened.quarantine
            self.store = Mutex(opened.store)
        } catch {
            throw AuditError(error, what: "Could not open the audit trail.", path: self.path)
        }
    }

    /// Ends it cleanly. Later calls throw.
    public func close() throws {
        try self.store.withLock { store in
            defer { store = nil }
            do {
                try store?.queue.close()
            } catch {
                throw AuditError(error, what: "Could not close the audit trail.", path: self.path)
            }
        }
    }

    /// - Throws: `AuditError`.
    public func restore() throws -> RestoredState {
        try self.with("Could not read the saved states.") { store in
            var state = RestoredState()
            for (name, text) in store.states where !name.isEmpty {
                state.components[name] = try? store.coder.decode(SavedComponent.self, text)
            }
            if let host = store.states[""] {
                state.host = (try? store.coder.decode(SavedHost.self, host)) ?? SavedHost()
            }
            // Numbers that the history knows are never given out again, whatever became of the saved state.
            let last = try store.read { db in
                let incident = try db.first("SELECT coalesce(max(id), 0) FROM incident") { $0.int(0) } ?? 0
                let action = try db.first(
                    "SELECT coalesce(max(id), 0) FROM action WHERE incident > ?", [.int(incident - 1_000)]
                ) { $0.int(0) }
                return (incident: incident, action: action ?? 0)
            }
            state.host.nextIncident = max(state.host.nextIncident, last.incident + 1)
            state.host.nextAction = max(state.host.nextAction, last.action + 1)
            return state
        }
    }

    /// - Throws: `AuditError` `full`, `readOnly`, `locked` or `failed`; nothing of the batch is written then.
    @discardableResult
    public func commit(_ batch: AuditBatch) throws -> Int64 {
        let time = batch.records.last?.at
        return try self.with("Could not write to the audit trail.", at: time) { store in
            if !batch.isEmpty { try store.write(batch, durable: batch.isDurable) }
            return store.sequence
        }
    }

    /// What cannot be read any more is left out.
    ///
    /// - Throws: `AuditError`.
    public func lastRecords(_ most: Int) throws -> [NumberedRecord] {
        try self.with("Could not read the newest records.") { try $0.lastRecords(most) }
    }

    /// - Throws: `AuditError`.
    public func alive(at time: WallTime) throws {
        try self.with("Could not write to the audit trail.", at: time) { store in
            let at = StoredTime.clamp(time)
            try store.transaction(durable: false) { db in
                try db.run("UPDATE head SET alive_us = ? WHERE id = 1", [.int(at)])
            }
            store.alive = at
            try store.checkpointIfDue()
        }
    }

    /// The end of the chain. A copy of it kept elsewhere (the journal) proves later that nothing was rewritten.
    public var head: ChainHead {
        get throws {
            try self.with("Could not read the audit trail.") { store in
                ChainHead(sequence: store.sequence, hash: Hexadecimal.string(store.hash))
            }
        }
    }

    /// Runs `body` on the store. Where it meets damage, sets the file aside, begins a new one with what is remembered,
    /// and runs `body` again.
    func with<Result>(
        _ what: String, at time: WallTime? = nil, _ body: (Store) throws -> Result
    ) throws -> Result {
        var quarantine: Quarantine?
        defer { if let quarantine { self.onQuarantine(quarantine) } }
        return try self.withoutSendingResult { current in
            guard let store = current else {
                throw AuditError(
                    .failed, what: what, why: "It was closed.", howToFix: "This is a mistake in heald; report it.")
            }
            do {
                return try body(store)
            } catch  where error.meansDamage {
                do {
                    let now = time ?? WallTime(microseconds: store.alive ?? 0)
                    let renewed = try StoreOpening.replace(store, path: self.path, finding: "\(error)", now: now)
                    current = renewed.store
                    quarantine = renewed.quarantine
                    return try body(renewed.store)
                } catch {
                    throw AuditError(error, what: what, path: self.path)
                }
            } catch {
                throw AuditError(error, what: what, path: self.path)
            }
        }
    }

    /// `Mutex.withLock` wants results that can be sent; ours are values that share nothing with the store.
    private func withoutSendingResult<Result>(_ body: (inout Store?) throws -> Result) throws -> Result {
        var result: Result?
        try self.store.withLock { store in
            var current = store
            defer { store = current }
            result = try body(&current)
        }
        guard let result else { throw CancellationError() }
        return result
    }
}
