import Synchronization

/// Who is at the other end of a connection, and what that allows.
enum Caller: Hashable, Sendable {
    /// May change things.
    case operating(Peer)
    /// May read.
    case reading(Peer)
    /// Came over TCP: may read.
    case remote

    var mayChange: Bool {
        switch self {
        case .operating: true
        case .reading, .remote: false
        }
    }
}

/// Counts connections, so that no caller can take all there are.
///
/// Connections above a limit are closed at once instead of being left in the backlog, where they would keep operators
/// waiting behind whoever floods the socket.
final class ConnectionLedger: Sendable {
    private struct Counts {
        var operators = 0
        var others = 0
        var remotes = 0
        var byUser: [UInt32: Int] = [:]
    }

    private let limits: ControlLimits
    private let counts = Mutex(Counts())

    init(limits: ControlLimits) { self.limits = limits }

    /// Takes a place for a connection.
    ///
    /// - Returns: `false` where there is none left; then there is nothing to give back.
    func admit(_ caller: Caller) -> Bool {
        self.counts.withLock { counts in
            switch caller {
            case .operating:
                guard counts.operators < self.limits.operatorConnections else { return false }
                counts.operators += 1
            case .reading(let peer):
                let ofUser = counts.byUser[peer.user, default: 0]
                guard counts.others < self.limits.otherConnections, ofUser < self.limits.connectionsPerUser else {
                    return false
                }
                counts.others += 1
                counts.byUser[peer.user] = ofUser + 1
            case .remote:
                guard counts.remotes < self.limits.httpConnections else { return false }
                counts.remotes += 1
            }
            return true
        }
    }

    /// Gives back the place of an admitted connection.
    func leave(_ caller: Caller) {
        self.counts.withLock { counts in
            switch caller {
            case .operating: counts.operators -= 1
            case .reading(let peer):
                counts.others -= 1
                let left = counts.byUser[peer.user, default: 1] - 1
                counts.byUser[peer.user] = left > 0 ? left : nil
            case .remote: counts.remotes -= 1
            }
        }
    }
}
