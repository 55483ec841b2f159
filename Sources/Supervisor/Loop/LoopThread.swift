import Glibc

/// A thread of its own for something that waits and blocks, which Swift's shared threads must not do.
public enum LoopThread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on a new, detached thread.
    ///
    /// - Parameter name: as `top -H` shows it; at most 15 bytes count.
    /// - Returns: `false` where the system has no thread to give (`EAGAIN` of pthread_create(3)).
    public static func start(name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        let passed = Unmanaged.passRetained(
            Body {
                Self.rename(name)
                body()
            })
        var thread = pthread_t()
        let failed = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, passed.toOpaque())
        guard failed == 0 else {
            passed.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    /// Glibc's own call for it is not visible to Swift. A nameless thread does no harm.
    private static func rename(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = write(file, name, min(15, name.utf8.count))
        close(file)
    }
}
