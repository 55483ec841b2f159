import Glibc
import Supervisor

/// The pause switch as a file: while `pause` is in the runtime directory, nothing is acted on. `touch` and `rm` work when
/// the control socket, the database or the bus do not.
public struct PauseFile: PauseSwitch {
    public static let fileName = "pause"
    private let path: String

    public init(runtimeDirectory: String) {
        self.path = "\(runtimeDirectory)/\(Self.fileName)"
    }

    /// A file that cannot be looked at counts as absent: it could not have been put there either.
    public var isOn: Bool { access(self.path, F_OK) == 0 }

    public var name: String { self.path }
}
