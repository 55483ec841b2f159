import Glibc
import Supervisor
import Synchronization

/// Makes sure that an end which was asked for comes: whatever hangs, the process is gone after a while. Nothing is lost
/// by that, since what is in flight is found out again by the next run.
public final class EndGuard: Sendable {
    /// Well within the 90 s that systemd waits before it kills.
    public static let patience: UInt32 = 15

    private let isArmed = Mutex(false)

    public init() {}

    /// From now on the process ends by itself, with `ExitStatus.failed`. Later calls change nothing.
    public func arm() {
        let isFirst = self.isArmed.withLock { armed in
            defer { armed = true }
            return !armed
        }
        guard isFirst else { return }
        _ = LoopThread.start(name: "heald-end") {
            var left = Self.patience
            while left > 0 { left = sleep(left) }
            let text = "heald did not end within \(Self.patience) s of being asked to and is cut off\n"
            _ = write(STDERR_FILENO, text, text.utf8.count)
            _exit(ExitStatus.failed.rawValue)
        }
    }
}
