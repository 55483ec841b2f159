import AuditTrail
import Glibc
import Supervisor

/// `long-history DIRECTORY INCIDENTS`: makes an audit trail of so many incidents in the last 365 days.
@main
enum LongHistory {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let incidents = Int64(arguments[2]) else { exit(64) }
        let now = SystemClock().now().wall
        let database = try AuditDatabase(lock: StateLock(stateDirectory: arguments[1]), now: now, options: .init())
        try AuditFixture.fill(database, incidents: incidents, end: now)
        try database.close()
    }
}
