import Policy
import RecoveryEngine
import ResilienceCore
import Synchronization

/// Runs checks that ask the kernel by calls which a dead file system can hold for ever.
///
/// Each check has at most one thread. One that does not come back takes no further one: until it does, the check's next
/// runs say that it still hangs. So a dead file system holds up only the checks of its own files, as long as fewer than
/// `threadsMax` of them hang.
///
/// `@unchecked Sendable`: `stages` is touched on the reactor's thread only.
final class BlockingChecks: @unchecked Sendable {
    /// What asks the kernel; it should give up by itself at the deadline where it still can.
    typealias Work = @Sendable (_ deadline: MonotonicInstant) -> Finding

    private enum Stage {
        /// Waits for a thread, perhaps longer than its check does.
        case queued
        case running(since: MonotonicInstant)
    }

    /// The one piece of work of each check, by the check's key.
    private var stages: [String: Stage] = [:]
    private let pool: BlockingPool

    init(threadsMax: Int = 64) { self.pool = BlockingPool(name: "heald-files", threadsMax: threadsMax) }

    func stop() { self.pool.stop() }

    /// - Parameters:
    ///   - key: names the check.
    ///   - subject: what is asked about, for messages: `/srv/data`.
    ///   - silence: what it means where the kernel does not answer: `unknown` where the file system is not the
    ///     component's own.
    func start(
        key: String, subject: String, timeout: Duration, silence: Verdict = .down, on reactor: Reactor,
        report: @escaping @Sendable (CheckResult) -> Void, work: @escaping Work
    ) {
        switch self.stages[key] {
        case .running(let since):
            let waited = (ProbeClock.now() - since).brief
            return SystemProber.report(
                .silent(silence, "\(subject) has not answered for \(waited): its file system hangs"), to: report)
        case .queued: return SystemProber.report(BlockingRun.noThread(for: subject), to: report)
        case nil: self.stages[key] = .queued
        }
        let run = BlockingRun(
            reactor: reactor, subject: subject, timeout: timeout, silence: silence, report: report)
        let token = run.start()
        // Time for a piece of work that is being done, and for the way back.
        let margin = min(timeout / 2, max(timeout / 10, .milliseconds(100)))
        let deadline = ProbeClock.now() + timeout - margin
        let hasBegun = run.hasBegun
        let isRunning = self.pool.run { [weak self, weak reactor] in
            // Else the check has given up waiting for a thread.
            var finding: Finding?
            if hasBegun.begin() {
                reactor?.submit { [weak self] _ in self?.stages[key] = .running(since: ProbeClock.now()) }
                finding = work(deadline)
            }
            reactor?.submit { [weak self, finding] reactor in
                self?.stages[key] = nil
                if let finding { (reactor.client(token) as? BlockingRun)?.finish(finding) }
            }
        }
        guard !isRunning else { return }
        self.stages[key] = nil
        run.finish(.unknown("no thread could be made to ask about \(subject)", reason: .resource))
    }
}

/// Whether a thread has taken the work, or the check has stopped waiting for one: whichever came first.
final class WorkTicket: Sendable {
    private enum State { case waiting, begun, abandoned }
    private let state = Mutex(State.waiting)

    /// - Returns: `false` where it is too late.
    func begin() -> Bool { self.move(to: .begun) }

    /// - Returns: `false` where a thread is at it.
    func abandon() -> Bool { self.move(to: .abandoned) }

    private func move(to next: State) -> Bool {
        self.state.withLock { state in
            guard state == .waiting else { return false }
            state = next
            return true
        }
    }
}

/// One run: whichever comes first, the answer or the deadline.
private final class BlockingRun: ReactorClient {
    let hasBegun = WorkTicket()
    private let reactor: Reactor
    private let subject: String
    private let timeout: Duration
    private let silence: Verdict
    private let startedAt = ProbeClock.now()
    private var report: ((CheckResult) -> Void)?
    private var token: Reactor.Token?

    init(
        reactor: Reactor, subject: String, timeout: Duration, silence: Verdict,
        report: @escaping (CheckResult) -> Void
    ) {
        self.reactor = reactor
        self.subject = subject
        self.timeout = timeout
        self.silence = silence
        self.report = report
    }

    func start() -> Reactor.Token {
        let token = self.reactor.register(self)
        self.token = token
        self.reactor.setDeadline(self.startedAt + self.timeout, for: token)
        return token
    }

    func ready(readable: Bool, writable: Bool, closed: Bool, source: Int) {}

    func deadlinePassed(late: Duration) {
        let wasWaiting = self.hasBegun.abandon()
        guard late <= Finding.lateness else { return self.finish(.starved(late: late)) }
        let limit = self.timeout.brief
        self.finish(
            wasWaiting
                ? Self.noThread(for: self.subject)
                : .silent(self.silence, "\(self.subject) did not answer within \(limit): its file system hangs"))
    }

    static func noThread(for subject: String) -> Finding {
        .unknown("no thread is free to ask about \(subject): other file systems hang", reason: .resource)
    }

    func cancelled() {
        _ = self.hasBegun.abandon()
        self.finish(.unknown("the supervisor is stopping"))
    }

    func finish(_ finding: Finding) {
        guard let report = self.report else { return }
        self.report = nil
        if let token = self.token { self.reactor.unregister(token) }
        report(
            CheckResult(
                verdict: finding.verdict, failure: finding.failure, startedAt: self.startedAt,
                finishedAt: ProbeClock.now(), output: finding.output))
    }
}

extension Finding {
    fileprivate static func silent(_ verdict: Verdict, _ message: String) -> Finding {
        Finding(verdict: verdict, failure: Failure(reason: .timeout, message: oneLine(message)))
    }
}
