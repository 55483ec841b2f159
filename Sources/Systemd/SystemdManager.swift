import Logging
import RecoveryEngine
import ResilienceCore
import Supervisor

/// systemd as the supervisor sees it: watches units, restarts them, and finds out what became of earlier restarts.
///
/// Its executor is the bus thread itself, so that nothing here ever waits for a lock and all of sd-bus stays on one
/// thread. It keeps trying to reach systemd for as long as it lives; while it cannot, nothing is claimed to be known.
public actor SystemdManager: UnitObserver {
    nonisolated let thread: BusThread
    let watcher: UnitWatcher

    public nonisolated var unownedExecutor: UnownedSerialExecutor { self.thread.asUnownedSerialExecutor() }

    /// Starts the bus thread and connects; does not wait for the connection.
    ///
    /// - Parameter sink: is called on the bus thread, with what is seen, in the order in which it was seen.
    /// - Throws: `SystemdError` where the process may have no more descriptors or threads. A bus that is absent is no
    ///   error: it is waited for.
    public init(address: BusAddress, logger: Logger, sink: @escaping EventSink) throws(SystemdError) {
        let thread = try BusThread()
        let watcher = UnitWatcher(thread: thread, address: address, sink: sink, logger: logger)
        self.thread = thread
        self.watcher = watcher
        Task { await self.start() }
    }

    deinit {
        let watcher = self.watcher
        let thread = self.thread
        // The connection is closed on its own thread, before that ends.
        thread.stop { watcher.close() }
    }

    private func start() { self.watcher.start() }

    /// Replaces the set of watched units. Returns when systemd has listed the new ones, at the latest after 2 s: units
    /// that run are then told of (process, invocation and times may follow within milliseconds, as a second
    /// observation), as are those that systemd does not know; units that are down are told of once, with all details,
    /// shortly after.
    public func watch(_ units: Set<String>, requirementsOf requirers: Set<String> = []) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let once = Once { continuation.resume() }
            self.watcher.start()
            self.watcher.watch(units, requirementsOf: requirers) { once.fire() }
            if !once.isFired { self.thread.schedule(after: .seconds(2)) { once.fire() } }
        }
    }

    /// Ends the connection; nothing is told and nothing may be asked afterwards.
    public func close() {
        self.watcher.close()
    }
}

/// Runs something at most once, whichever of several ways to end comes first. On the bus thread only.
final class Once {
    private var action: (() -> Void)?

    init(_ action: @escaping () -> Void) { self.action = action }

    var isFired: Bool { self.action == nil }

    func fire() {
        let action = self.action
        self.action = nil
        action?()
    }
}
