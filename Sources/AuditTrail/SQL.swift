import GRDB
import GRDBSQLite

/// A value bound to a statement.
enum SQLValue {
    case int(Int64)
    case text(String)
    case blob([UInt8])
    case null

    static func int(_ value: Int) -> SQLValue { .int(Int64(value)) }
    static func optional(_ value: Int64?) -> SQLValue { value.map { .int($0) } ?? .null }
    static func optional(_ value: String?) -> SQLValue { value.map { .text($0) } ?? .null }
}

/// The current row of a running statement. Reading never traps: in a damaged file any column can hold anything, and
/// SQLite's own conversions apply.
struct SQLRow {
    fileprivate let handle: OpaquePointer

    func int(_ column: Int32) -> Int64 { sqlite3_column_int64(self.handle, column) }

    func optionalInt(_ column: Int32) -> Int64? {
        sqlite3_column_type(self.handle, column) == SQLITE_NULL ? nil : self.int(column)
    }

    func text(_ column: Int32) -> String {
        guard let bytes = sqlite3_column_text(self.handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(self.handle, column))
        return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    func optionalText(_ column: Int32) -> String? {
        sqlite3_column_type(self.handle, column) == SQLITE_NULL ? nil : self.text(column)
    }

    func blob(_ column: Int32) -> [UInt8] { self.withBlob(column) { [UInt8]($0) } }

    func withBlob<Result>(_ column: Int32, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let bytes = sqlite3_column_blob(self.handle, column)
        let count = Int(sqlite3_column_bytes(self.handle, column))
        return body(UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : count))
    }
}

/// Statements of ours: prepared and kept by GRDB, bound and stepped without its value conversions, which cost more than
/// the statement itself on the way from a failure to its repair.
extension Database {
    /// Runs a statement to its end; `row` sees each row and may stop by returning `false`.
    func each(_ sql: String, _ values: [SQLValue] = [], _ row: (SQLRow) throws -> Bool) throws {
        let statement = try self.cachedStatement(sql: sql)
        let handle = statement.sqliteStatement
        sqlite3_reset(handle)
        defer {
            sqlite3_reset(handle)
            sqlite3_clear_bindings(handle)
        }
        for (index, value) in values.enumerated() { try self.bind(value, to: handle, at: Int32(index + 1), sql) }
        try withExtendedLifetime(statement) {
            while true {
                let code = sqlite3_step(handle)
                if code == SQLITE_DONE { return }
                guard code == SQLITE_ROW else { throw self.error(code, sql) }
                if try !row(SQLRow(handle: handle)) { return }
            }
        }
    }

    func run(_ sql: String, _ values: [SQLValue] = []) throws {
        try self.each(sql, values) { _ in true }
    }

    /// The first row, mapped.
    func first<Result>(_ sql: String, _ values: [SQLValue] = [], _ map: (SQLRow) throws -> Result) throws -> Result? {
        var result: Result?
        try self.each(sql, values) {
            result = try map($0)
            return false
        }
        return result
    }

    func all<Result>(_ sql: String, _ values: [SQLValue] = [], _ map: (SQLRow) throws -> Result) throws -> [Result] {
        var results: [Result] = []
        try self.each(sql, values) {
            results.append(try map($0))
            return true
        }
        return results
    }

    private func bind(_ value: SQLValue, to handle: OpaquePointer, at index: Int32, _ sql: String) throws {
        let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        let code: Int32
        switch value {
        case .int(let number): code = sqlite3_bind_int64(handle, index, number)
        case .null: code = sqlite3_bind_null(handle, index)
        case .text(var string):
            code = string.withUTF8 { bytes in
                // An empty string may have no base address, which SQLite would take for NULL.
                guard let start = bytes.baseAddress, !bytes.isEmpty else {
                    return sqlite3_bind_text(handle, index, "", 0, copies)
                }
                return start.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
                    sqlite3_bind_text(handle, index, $0, Int32(bytes.count), copies)
                }
            }
        case .blob(let bytes):
            code =
                bytes.isEmpty
                ? sqlite3_bind_zeroblob(handle, index, 0)
                : sqlite3_bind_blob(handle, index, bytes, Int32(bytes.count), copies)
        }
        guard code == SQLITE_OK else { throw self.error(code, sql) }
    }

    private func error(_ code: Int32, _ sql: String) -> DatabaseError {
        let message = self.sqliteConnection.map { String(cString: sqlite3_errmsg($0)) }
        return DatabaseError(resultCode: ResultCode(rawValue: code), message: message, sql: sql)
    }
}
