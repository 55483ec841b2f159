import ResilienceCore

extension WallTime {
    /// For file names: `20261120T230500Z`.
    var compact: String {
        String(self.rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" }) + "Z"
    }

    /// Days since 1970-01-01, UTC, rounded down, of a time as the database keeps it.
    static func day(of microseconds: Int64) -> Int64 { WallTime(microseconds: microseconds).day }
}
