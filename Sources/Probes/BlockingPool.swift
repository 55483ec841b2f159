import Dispatch
import Synchronization

/// A few threads for calls that may block for long: name resolution, loading a program from a network filesystem.
///
/// Threads are made when first needed and stay. Jobs beyond the threads wait in order.
final class BlockingPool: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var threads = 0
        var idle = 0
        var isOpen = true
    }

    private let name: String
    private let threadsMax: Int
    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)

    init(name: String, threadsMax: Int) {
        self.name = name
        self.threadsMax = threadsMax
    }

    /// Never blocks.
    ///
    /// - Returns: `false` where no thread could be made and none exists; the job will not run.
    func run(_ job: @escaping @Sendable () -> Void) -> Bool {
        let needsThread = self.state.withLock { state in
            state.jobs.append(job)
            guard state.jobs.count > state.idle, state.threads < self.threadsMax else { return false }
            state.threads += 1
            return true
        }
        if needsThread, spawnThread(named: self.name, { self.loop() }) != 0 {
            let isLost = self.state.withLock { state in
                state.threads -= 1
                guard state.threads == 0 else { return false }
                state.jobs.removeLast()
                return true
            }
            if isLost { return false }
        }
        self.work.signal()
        return true
    }

    private func loop() {
        while true {
            self.state.withLock { $0.idle += 1 }
            self.work.wait()
            let (job, isOpen) = self.state.withLock { state -> ((@Sendable () -> Void)?, Bool) in
                state.idle -= 1
                return (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isOpen)
            }
            job?()
            if job == nil, !isOpen { return }
        }
    }

    /// Ends the threads once they have nothing left to do.
    func stop() {
        let threads = self.state.withLock { state in
            state.isOpen = false
            return state.threads
        }
        for _ in 0..<threads { self.work.signal() }
    }
}
