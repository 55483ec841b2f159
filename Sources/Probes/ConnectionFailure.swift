import Glibc
import ResilienceCore

/// What a failed connection says of the component, or of this machine.
enum ConnectionFailure {
    /// The probe could not be made: nothing is known of the component.
    static func isLocal(_ error: Int32) -> Bool {
        switch error {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EADDRINUSE, EAGAIN, EACCES, EPERM, EAFNOSUPPORT: true
        default: false
        }
    }

    /// - Parameter phase: what was being waited for, where the connection stood already.
    static func finding(_ error: Int32, isLocal: Bool, peer: String, during phase: String? = nil) -> Finding {
        if isLocal || Self.isLocal(error) {
            return .unknown("no connection to \(peer) could be tried: \(Self.localText(error))", reason: .resource)
        }
        if let phase {
            let what = error == ECONNRESET ? "reset" : "broken (\(errorText(error)))"
            return .down(.connection, "connection \(what) by \(peer) while \(phase)")
        }
        switch error {
        case ECONNREFUSED: return .down(.connection, "connection refused by \(peer)")
        case ECONNRESET, EPIPE: return .down(.connection, "connection reset by \(peer)")
        case ENETUNREACH: return .down(.connection, "the network of \(peer) is unreachable")
        case EHOSTUNREACH, EHOSTDOWN: return .down(.connection, "no route to \(peer)")
        case ENOENT: return .down(.connection, "there is no socket \(peer)")
        case ETIMEDOUT: return .down(.timeout, "timed out connecting to \(peer)")
        default: return .down(.connection, "connecting to \(peer) failed: \(errorText(error))")
        }
    }

    private static func localText(_ error: Int32) -> String {
        switch error {
        case EADDRNOTAVAIL: "no local port or address is free (\(errorText(error)))"
        case EMFILE: "this process has no descriptor left (\(errorText(error)); raise LimitNOFILE=)"
        case ENFILE: "this machine has no descriptor left (\(errorText(error)))"
        case EACCES, EPERM: "this machine does not permit it (\(errorText(error)))"
        default: errorText(error)
        }
    }
}
