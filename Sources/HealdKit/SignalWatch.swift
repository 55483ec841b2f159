import Glibc
import Supervisor
import Synchronization

/// The write end of the pipe that the signal handler writes to; -1 while there is none. The handler may run at any
/// moment on any thread and can use nothing but an atomic and write(2).
private let signalPipe = Atomic<Int32>(-1)

/// Turns signals into calls on a thread where everything is allowed.
///
/// Handlers instead of a signal mask or ignored signals, because those two would be inherited by every program that is
/// started later; a handler is reset at exec, signal(7).
public enum SignalWatch {
    /// Begins to call `body` for each of `signals`, from a thread of its own. Call it once, before other threads exist.
    ///
    /// - Throws: `ExitStatus.failed` where the system has no pipe or thread to give.
    public static func start(
        _ signals: [Int32], _ body: @escaping @Sendable (Int32) -> Void
    ) throws(ExitStatus) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .failed }
        let (readEnd, writeEnd) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A full pipe must not block whatever the handler interrupted; thousands of waiting signals say enough.
        _ = fcntl(writeEnd, F_SETFL, O_NONBLOCK)
        signalPipe.store(writeEnd, ordering: .sequentiallyConsistent)
        let hasThread = LoopThread.start(name: "heald-signals") {
            var number: UInt8 = 0
            while true {
                let count = read(readEnd, &number, 1)
                if count == 1 { body(Int32(number)) } else if errno != EINTR { return }
            }
        }
        guard hasThread else { throw .failed }
        for number in signals {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                let saved = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(signalPipe.load(ordering: .relaxed), &byte, 1)
                errno = saved
            }
            action.sa_flags = Int32(SA_RESTART)
            sigemptyset(&action.sa_mask)
            sigaction(number, &action, nil)
        }
    }
}
