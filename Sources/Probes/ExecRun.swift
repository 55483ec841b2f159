import CProbes
import Glibc
import Policy
import RecoveryEngine
import ResilienceCore

/// One run of an `exec` check, from before its program is loaded until it is gone. Lives on the reactor's thread.
///
/// At the deadline the program's process group gets SIGTERM, a moment later SIGKILL, and soon after that the result is
/// reported even if the kernel cannot end the process (uninterruptible sleep); the run then goes on until it does. When
/// the program ends in time, what it left behind in its group is killed too. A process that has left the group (by
/// setsid() or setpgid()) is not; the service manager ends it with the supervisor's control group.
final class ExecRun: ReactorClient {
    enum Source: Int { case pidfd, out, err }

    /// What is told besides the result.
    enum Ending {
        /// The result is out and nothing is left of the program.
        case over
        /// The result is out; the process cannot be ended for now. `gone` follows.
        case stuck
        case gone
    }

    private enum Phase {
        case loading, running
        /// The deadline has passed; SIGTERM is sent.
        case terminating
        /// SIGKILL is sent.
        case killed
        /// The result is out; the process is not gone yet.
        case stuck
        case finished
    }

    /// From the deadline to SIGKILL.
    private static let grace = Duration.milliseconds(100)
    /// From SIGKILL to the report, if the process does not end.
    private static let patience = Duration.milliseconds(50)
    private static let keptMax = 4_096
    /// What is read at the end of what a dead program left in its pipes.
    private static let drainMax = 1_048_576

    private let reactor: Reactor
    private let check: ExecCheck
    private let timeout: Duration
    private let report: (CheckResult) -> Void
    private let ended: (Ending) -> Void

    private let startedAt = ProbeClock.now()
    private var phase = Phase.loading
    private var token: Reactor.Token?
    private var program: ExecProgram.Running?
    private var out: [UInt8] = []
    private var err: [UInt8] = []
    /// How late the deadline was noticed.
    private var lateness = Duration.zero

    init(
        reactor: Reactor, check: ExecCheck, timeout: Duration, report: @escaping (CheckResult) -> Void,
        ended: @escaping (Ending) -> Void
    ) {
        self.reactor = reactor
        self.check = check
        self.timeout = timeout
        self.report = report
        self.ended = ended
    }

    func start() -> Reactor.Token {
        let token = self.reactor.register(self)
        self.token = token
        self.reactor.setDeadline(self.startedAt + self.timeout, for: token)
        return token
    }

    /// The program is loaded, or could not be.
    func loaded(_ outcome: ExecProgram.Outcome) {
        guard let token = self.token else { return Self.discard(outcome) }
        switch outcome {
        case .failed(let finding):
            self.finish(finding)
        case .running(let program):
            self.program = program
            let watched = [
                self.reactor.watchInput(program.pidfd, for: token, source: Source.pidfd.rawValue),
                self.reactor.watchInput(program.out, for: token, source: Source.out.rawValue),
                self.reactor.watchInput(program.err, for: token, source: Source.err.rawValue),
            ]
            if let error = watched.first(where: { $0 != 0 }) {
                self.signalGroup(SIGKILL)
                self.reapSoon()
                self.finish(.unknown("the program could not be watched: \(errorText(error))", reason: .resource))
                return
            }
            if case .loading = self.phase {
                self.phase = .running
            } else {
                // Too late: it was reported while its file system was still being waited for.
                self.signalGroup(SIGKILL)
            }
        }
    }

    func ready(readable: Bool, writable: Bool, closed: Bool, source: Int) {
        switch Source(rawValue: source) {
        case .out: self.drain(\.out, into: \.out, atMost: 65_536)
        case .err: self.drain(\.err, into: \.err, atMost: 65_536)
        case .pidfd: self.processEnded()
        case nil: break
        }
    }

    // MARK: Output

    private func drain(
        _ end: WritableKeyPath<ExecProgram.Running, Int32>, into kept: ReferenceWritableKeyPath<ExecRun, [UInt8]>,
        atMost limit: Int
    ) {
        guard let fd = self.program?[keyPath: end], fd >= 0 else { return }
        var taken = 0
        while taken < limit {
            let count = cprobes_receive(fd, self.reactor.buffer.baseAddress, self.reactor.buffer.count)
            if count == -Int(EAGAIN) { return }
            guard count > 0 else {
                close(fd)
                self.program?[keyPath: end] = -1
                return
            }
            taken += count
            let room = Self.keptMax - self[keyPath: kept].count
            if room > 0 { self[keyPath: kept].append(contentsOf: self.reactor.buffer.prefix(min(count, room))) }
        }
    }

    // MARK: The end

    private func processEnded() {
        guard let program = self.program else { return }
        // The zombie still holds its number: the group can be none but its own.
        self.signalGroup(SIGKILL)
        let exit = cprobes_reap(program.pidfd)
        guard exit.how != 0 else { return }
        self.drain(\.out, into: \.out, atMost: Self.drainMax)
        self.drain(\.err, into: \.err, atMost: Self.drainMax)
        self.closeAll()
        switch self.phase {
        case .running: self.finish(ExecVerdict.finding(exit, check: self.check, out: self.out, err: self.err))
        case .terminating, .killed: self.finish(self.timedOut)
        case .stuck: self.forget()
        case .loading, .finished: break
        }
    }

    func deadlinePassed(late: Duration) {
        guard let token = self.token else { return }
        let now = ProbeClock.now()
        switch self.phase {
        case .loading:
            self.lateness = late
            self.becomeStuck()
        case .running:
            self.lateness = late
            self.phase = .terminating
            self.signalGroup(SIGTERM)
            self.reactor.setDeadline(now + Self.grace, for: token)
        case .terminating:
            self.phase = .killed
            self.signalGroup(SIGKILL)
            self.reactor.setDeadline(now + Self.patience, for: token)
        case .killed: self.becomeStuck()
        case .stuck, .finished: break
        }
    }

    private func becomeStuck() {
        let finding = self.timedOut
        self.phase = .stuck
        self.send(finding)
        self.ended(.stuck)
    }

    private var timedOut: Finding {
        if self.lateness > Finding.lateness { return .starved(late: self.lateness) }
        let program = self.check.command.first ?? "?"
        let output = ExecVerdict.output(self.out, self.err)
        if self.program == nil, case .loading = self.phase {
            // It never got to check anything: the machine is slow, or the program's file system does not answer.
            return .unknown("\(program) could not be started within \(self.timeout.brief)", reason: .resource)
        }
        return .down(.timeout, "\(program) did not end within \(self.timeout.brief) and was killed", output: output)
    }

    func cancelled() {
        switch self.phase {
        case .stuck, .finished: break
        case .loading, .running, .terminating, .killed:
            self.signalGroup(SIGKILL)
            self.reapSoon()
            self.finish(.unknown("the supervisor is stopping"))
        }
    }

    /// After SIGKILL at the reactor's end: a killed process is gone in moments, and must not stay behind as a zombie.
    private func reapSoon() {
        guard let program = self.program else { return }
        for _ in 0..<50 {
            guard cprobes_reap(program.pidfd).how == 0 else { return }
            var ready = pollfd(fd: program.pidfd, events: Int16(POLLIN), revents: 0)
            poll(&ready, 1, 2)
        }
    }

    private func finish(_ finding: Finding) {
        if case .stuck = self.phase { return self.forget() }
        if case .finished = self.phase { return }
        self.send(finding)
        self.release()
        self.ended(.over)
    }

    private func send(_ finding: Finding) {
        self.report(
            CheckResult(
                verdict: finding.verdict, failure: finding.failure, startedAt: self.startedAt,
                finishedAt: ProbeClock.now(), output: finding.output))
    }

    private func forget() {
        self.release()
        self.ended(.gone)
    }

    private func release() {
        self.phase = .finished
        self.closeAll()
        if let token = self.token { self.reactor.unregister(token) }
        self.token = nil
    }

    private func closeAll() {
        guard let program = self.program else { return }
        for fd in [program.pidfd, program.out, program.err] where fd >= 0 { close(fd) }
        self.program = nil
    }

    /// Only while the program is not reaped: its number is its own, and so is its group's.
    private func signalGroup(_ signal: Int32) {
        guard let program = self.program else { return }
        kill(-program.pid, signal)
    }

    /// A program that nobody waits for any more.
    static func discard(_ outcome: ExecProgram.Outcome) {
        guard case .running(let program) = outcome else { return }
        kill(-program.pid, SIGKILL)
        for _ in 0..<50 {
            guard cprobes_reap(program.pidfd).how == 0 else { break }
            var ready = pollfd(fd: program.pidfd, events: Int16(POLLIN), revents: 0)
            poll(&ready, 1, 2)
        }
        for fd in [program.pidfd, program.out, program.err] { close(fd) }
    }
}
