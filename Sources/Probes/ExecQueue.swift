import DequeModule
import Policy
import RecoveryEngine
import ResilienceCore

/// Lets only so many programs run at once; further checks wait in order.
///
/// Waiting is the supervisor's lateness, not the component's failure: a check's timeout begins with its program, and one
/// that waits for too long is `unknown`.
///
/// `@unchecked Sendable`: everything but the pool is touched on the reactor's thread only.
final class ExecQueue: ReactorClient, @unchecked Sendable {
    private struct Waiting {
        var check: ExecCheck
        var key: String
        var timeout: Duration
        var patience: Duration
        var since: MonotonicInstant
        var report: @Sendable (CheckResult) -> Void
    }

    private let runningMax: Int
    private let pool: BlockingPool
    private var running = 0
    private var waiting: Deque<Waiting> = []
    /// Checks of which a process is left that even SIGKILL has not ended.
    private var stuck: Set<String> = []
    private weak var reactor: Reactor?
    private var token: Reactor.Token?

    private static let waitingMax = 10_000
    /// How often the waiting are looked at for those who have waited too long.
    private static let patrol = Duration.milliseconds(100)

    init(running: Int) {
        self.runningMax = running
        // More threads than places: a thread that hangs on a dead file system must not take a place with it.
        self.pool = BlockingPool(name: "heald-spawn", threadsMax: running + 16)
    }

    func stop() { self.pool.stop() }

    /// - Parameters:
    ///   - key: names the check; it is not run again while a process of its cannot be ended.
    ///   - patience: how long it may wait for a place.
    func start(
        _ check: ExecCheck, key: String, timeout: Duration, patience: Duration, on reactor: Reactor,
        report: @escaping @Sendable (CheckResult) -> Void
    ) {
        let next = Waiting(
            check: check, key: key, timeout: timeout, patience: patience, since: ProbeClock.now(), report: report)
        guard self.running >= self.runningMax || !self.waiting.isEmpty else { return self.run(next, on: reactor) }
        guard self.waiting.count < Self.waitingMax else {
            return SystemProber.report(
                .unknown("\(Self.waitingMax) checks wait for a program's place already", reason: .resource),
                to: report)
        }
        self.waiting.append(next)
        guard self.token == nil else { return }
        self.reactor = reactor
        let token = reactor.register(self)
        self.token = token
        reactor.setDeadline(ProbeClock.now() + Self.patrol, for: token)
    }

    private func run(_ next: Waiting, on reactor: Reactor) {
        guard !self.stuck.contains(next.key) else {
            return SystemProber.report(
                .unknown(
                    "the last run's process cannot be ended (it waits for the kernel); not started again",
                    reason: .resource),
                to: next.report)
        }
        self.running += 1
        let run = ExecRun(reactor: reactor, check: next.check, timeout: next.timeout, report: next.report) {
            [weak self] ending in
            guard let self else { return }
            switch ending {
            case .over: self.running -= 1
            case .stuck:
                // It no longer takes a place, or a few dead file systems would stop every check.
                self.running -= 1
                self.stuck.insert(next.key)
            case .gone: self.stuck.remove(next.key)
            }
            self.startWaiting(on: reactor)
        }
        let token = run.start()
        let check = next.check
        let isRunning = self.pool.run { [weak reactor] in
            let outcome = ExecProgram.spawn(check)
            let isTaken =
                reactor?.submit { reactor in
                    if let run = reactor.client(token) as? ExecRun {
                        run.loaded(outcome)
                    } else {
                        ExecRun.discard(outcome)
                    }
                } ?? false
            if !isTaken { ExecRun.discard(outcome) }
        }
        if !isRunning {
            run.loaded(.failed(.unknown("no thread could be made to start it", reason: .resource)))
        }
    }

    private func startWaiting(on reactor: Reactor) {
        guard reactor.isRunning else { return }
        while self.running < self.runningMax, let next = self.waiting.popFirst() { self.run(next, on: reactor) }
        if self.waiting.isEmpty { self.stopPatrol() }
    }

    private func stopPatrol() {
        if let token = self.token { self.reactor?.unregister(token) }
        self.token = nil
    }

    func ready(readable: Bool, writable: Bool, closed: Bool, source: Int) {}

    func deadlinePassed(late: Duration) {
        let now = ProbeClock.now()
        let tired = self.waiting.filter { now - $0.since > $0.patience }
        self.waiting.removeAll { now - $0.since > $0.patience }
        for check in tired {
            SystemProber.report(
                .unknown(
                    "waited \(check.patience.brief) for one of \(self.runningMax) places for programs",
                    reason: .resource),
                to: check.report)
        }
        guard !self.waiting.isEmpty else { return self.stopPatrol() }
        if let token = self.token { self.reactor?.setDeadline(now + Self.patrol, for: token) }
    }

    func cancelled() {
        let waiting = self.waiting
        self.waiting = []
        for check in waiting { SystemProber.report(.unknown("the supervisor is stopping"), to: check.report) }
    }
}
