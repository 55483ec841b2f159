import ArgumentParser
import HealctlKit
import Policy
import ResilienceCore

/// The beginning of a time span that ends now: how long ago, or when.
enum Since: ExpressibleByArgument {
    case ago(Duration, text: String)
    case at(WallTime, text: String)

    static let standard = Since.ago(.seconds(30 * 86_400), text: "30d")

    init?(argument: String) {
        if let duration = Duration(policyText: argument) {
            self = .ago(duration, text: argument)
        } else if let time = WallTime(rfc3339: argument) {
            self = .at(time, text: argument)
        } else {
            return nil
        }
    }

    var defaultValueDescription: String {
        switch self {
        case .ago(_, let text), .at(_, let text): text
        }
    }

    func time(before now: WallTime) -> WallTime {
        switch self {
        case .ago(let duration, _): now + (.zero - duration)
        case .at(let time, _): time
        }
    }
}
