import GRDB
import RecoveryEngine
import Supervisor

extension AuditDatabase {
    /// - Throws: `AuditError`.
    public func pending(limit: Int) throws -> [OutboxEntry] {
        try self.with("Could not read the queue of alerts.") { store in
            try store.read { db in
                try db.all(
                    "SELECT id, message, delivered, attempts FROM outbox ORDER BY id LIMIT ?", [.int(max(0, limit))]
                ) { row -> OutboxEntry? in
                    // One that cannot be read any more must not hold up the rest.
                    guard let message = try? store.coder.decode(AlertMessage.self, row.text(1)) else { return nil }
                    let delivered = (try? store.coder.decode([String].self, row.text(2))) ?? []
                    return OutboxEntry(
                        id: row.int(0), message: message, delivered: Set(delivered),
                        attempts: Int(clamping: row.int(3)))
                }.compactMap { $0 }
            }
        }
    }

    /// - Throws: `AuditError`.
    public func delivered(_ id: Int64, channel: String) throws {
        try self.with("Could not write to the queue of alerts.") { store in
            try store.transaction(durable: false) { db in
                guard let text = try db.first("SELECT delivered FROM outbox WHERE id = ?", [.int(id)], { $0.text(0) })
                else { return }
                var channels = Set((try? store.coder.decode([String].self, text)) ?? [])
                channels.insert(channel)
                try db.run(
                    "UPDATE outbox SET delivered = ? WHERE id = ?",
                    [.text(try store.coder.encode(channels.sorted())), .int(id)])
            }
        }
    }

    /// - Throws: `AuditError`.
    public func failed(_ id: Int64, channel: String, error: String) throws {
        let text = PlainText.clean("\(channel): \(error)", .firstBytes(PlainText.detailBytes))
        try self.with("Could not write to the queue of alerts.") { store in
            try store.transaction(durable: false) { db in
                try db.run(
                    "UPDATE outbox SET attempts = attempts + 1, error = ? WHERE id = ?", [.text(text), .int(id)])
            }
        }
    }

    /// - Throws: `AuditError`.
    public func finished(_ id: Int64) throws {
        try self.with("Could not write to the queue of alerts.") { store in
            try store.transaction(durable: false) { db in
                try db.run("DELETE FROM outbox WHERE id = ?", [.int(id)])
            }
        }
    }
}
