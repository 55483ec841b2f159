/// A signal that a policy may send to a process.
///
/// - SeeAlso: signal(7).
public enum ProcessSignal: String, CaseIterable, Hashable, Sendable, Codable {
    case hangUp = "SIGHUP"
    case interrupt = "SIGINT"
    case quit = "SIGQUIT"
    case user1 = "SIGUSR1"
    case user2 = "SIGUSR2"
    case terminate = "SIGTERM"
    case proceed = "SIGCONT"
    case windowChange = "SIGWINCH"

    /// The number on Linux, the same on every architecture that Swift runs on.
    public var number: Int32 {
        switch self {
        case .hangUp: 1
        case .interrupt: 2
        case .quit: 3
        case .user1: 10
        case .user2: 12
        case .terminate: 15
        case .proceed: 18
        case .windowChange: 28
        }
    }
}
