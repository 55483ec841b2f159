import GRDB
public import Resilience
import ResilienceCore

/// Knows the errors of GRDB by the result code of SQLite; never looks at their text, which may hold data.
public struct DatabaseClassifier: ErrorClassifier {
    public init() {}

    public func classify(_ error: any Error) -> Classification? {
        switch error {
        case let error as DatabaseError:
            FailureReason(sqliteCode: error.extendedResultCode.rawValue).map { Classification($0) }
        case is RecordError: Classification(.notFound)
        default: nil
        }
    }
}
