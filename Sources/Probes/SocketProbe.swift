import CProbes
import Glibc
import Policy
import RecoveryEngine
import ResilienceCore

/// One run of a check over a connection: a fresh one, one conversation, one result.
///
/// Lives on the reactor's thread. One deadline covers everything from the look-up of the name to the last byte, so
/// that a server that drips cannot extend it.
final class SocketProbe: ReactorClient {
    private enum Phase {
        /// Waits for what vouches for certificates; the associated text says what that is.
        case securing(String)
        case resolving, connecting, sending, receiving, judging, finished
    }

    private let reactor: Reactor
    private let judges: BlockingPool
    private var conversation: any Conversation
    private let host: String
    private let timeout: Duration
    /// A response slower than this is `degraded`.
    private let latency: Duration?
    private let startedAt = ProbeClock.now()
    private let names: NameLookUp
    private let report: (CheckResult) -> Void

    private var phase = Phase.resolving
    private var token: Reactor.Token?
    private var fd: Int32 = -1
    private var addresses: [SocketAddress] = []
    private var addressIndex = 0
    /// What is to be sent, and how much of it has been.
    private var outgoing: [UInt8]
    private var sent = 0
    /// How old the addresses are that stand in for the name service.
    private var standInAge: Duration?
    /// When all of the answer was there.
    private var answeredAt: MonotonicInstant?

    /// How long to wait before asking a Unix socket again whose queue is full.
    private static let fullQueuePause = Duration.milliseconds(20)

    init(
        reactor: Reactor, judges: BlockingPool, conversation: any Conversation, host: String, timeout: Duration,
        latency: Duration?, names: NameLookUp, report: @escaping (CheckResult) -> Void
    ) {
        self.reactor = reactor
        self.judges = judges
        self.conversation = conversation
        self.outgoing = conversation.request
        self.host = host
        self.timeout = timeout
        self.latency = latency
        self.names = names
        self.report = report
    }

    deinit {
        if self.fd >= 0 { close(self.fd) }
    }

    private var deadline: MonotonicInstant { self.startedAt + self.timeout }

    /// Begins; `resolved` must follow, and before it `secured` where something is given to be waited for.
    func start(securing what: String? = nil) -> Reactor.Token {
        let token = self.reactor.register(self)
        self.token = token
        // Half of the time is left for an address that stands in.
        self.reactor.setDeadline(self.startedAt + self.timeout / (self.names.mayFail ? 2 : 1), for: token)
        if let what { self.phase = .securing(what) }
        return token
    }

    /// - Parameter conversation: the one that there was, over TLS; or why there can be none.
    /// - Returns: whether the name is to be looked up now.
    func secured(_ wrap: (any Conversation) -> Result<any Conversation, TLSUnavailable>) -> Bool {
        guard case .securing = self.phase else { return false }
        switch wrap(self.conversation) {
        case .success(let conversation):
            self.converse(conversation)
            self.phase = .resolving
            return true
        case .failure(let problem):
            self.finish(.unknown(problem.why, reason: .misconfigured))
            return false
        }
    }

    private func converse(_ conversation: any Conversation) {
        self.conversation = conversation
        self.outgoing = conversation.request
        self.sent = 0
    }

    /// - Parameter answer: from the resolver; the deadline may have come first.
    func resolved(_ answer: Resolver.Answer) {
        guard case .resolving = self.phase else { return }
        switch answer {
        case .success(let addresses):
            guard !addresses.isEmpty else {
                return self.finish(.down(.connection, "\(self.host) has no address"))
            }
            self.addresses = addresses
            if let token = self.token { self.reactor.setDeadline(self.deadline, for: token) }
            self.connect()
        case .failure(.noSuchName(let why)):
            self.finish(.down(.connection, "the host name \(self.host) could not be resolved: \(why)"))
        case .failure(.failed(let why)):
            if self.useStandIn() { return }
            self.finish(.unknown("looking up the host name \(self.host) failed: \(why)", reason: .connection))
        case .failure(.local(let why)):
            self.finish(.unknown("the host name \(self.host) could not be looked up: \(why)"))
        }
    }

    /// Goes on by the last known addresses: that the name service fails says nothing of the component.
    ///
    /// - Returns: whether there are any.
    private func useStandIn() -> Bool {
        guard let known = self.names.standIn() else { return false }
        self.standInAge = known.age
        self.resolved(.success(known.addresses))
        return true
    }

    // MARK: Connecting

    private func connect() {
        guard let token = self.token else { return }
        self.phase = .connecting
        let connecting = self.addresses[self.addressIndex].withSockaddr { cprobes_connect($0, $1) }
        guard connecting.fd >= 0 else {
            if connecting.error == EAGAIN, self.addresses[self.addressIndex].isUnix { return self.waitForQueue() }
            return self.connectionFailed(connecting.error, isLocal: connecting.stage == CPROBES_LOCAL)
        }
        self.fd = connecting.fd
        let error = self.reactor.watchSocket(self.fd, for: token)
        guard error == 0 else { return self.finish(.unknown("no connection could be watched: \(errorText(error))")) }
        // Several addresses share the time; the last one has all that is left.
        let others = self.addresses.count - self.addressIndex - 1
        if others > 0 {
            let now = ProbeClock.now()
            self.reactor.setDeadline(now + (self.deadline - now) / (others + 1), for: token)
        } else if self.addresses.count > 1 {
            self.reactor.setDeadline(self.deadline, for: token)
        }
    }

    /// A Unix socket's queue of waiting connections is full: the listener is alive but behind.
    private func waitForQueue() {
        guard let token = self.token else { return }
        self.reactor.setDeadline(min(self.deadline, ProbeClock.now() + Self.fullQueuePause), for: token)
    }

    private func connectionFailed(_ error: Int32, isLocal: Bool) {
        self.closeSocket()
        if !isLocal, !ConnectionFailure.isLocal(error), self.addressIndex + 1 < self.addresses.count {
            self.addressIndex += 1
            return self.connect()
        }
        self.finish(ConnectionFailure.finding(error, isLocal: isLocal, peer: self.peer))
    }

    private func connected() {
        guard let token = self.token else { return }
        if self.addresses.count > 1 { self.reactor.setDeadline(self.deadline, for: token) }
        self.phase = .sending
    }

    // MARK: Talking

    func ready(readable: Bool, writable: Bool, closed: Bool, source: Int) {
        if case .connecting = self.phase {
            guard self.fd >= 0, writable || closed else { return }
            // Where an answer must follow, sending tells whether the connection stands; else the socket is asked.
            if !self.conversation.answerProvesPeer || closed {
                let error = cprobes_socket_error(self.fd)
                guard error == 0 else { return self.connectionFailed(error, isLocal: false) }
                if !self.addresses[self.addressIndex].isUnix, cprobes_is_connected_to_itself(self.fd) {
                    return self.connectionFailed(ECONNREFUSED, isLocal: false)
                }
            }
            self.connected()
        }
        if case .sending = self.phase { self.send() }
        if case .receiving = self.phase, writable, self.sent < self.outgoing.count { _ = self.flush() }
        if case .receiving = self.phase, readable { self.receive(untilEmpty: closed) }
    }

    private func send() {
        guard self.flush() else { return }
        self.phase = .receiving
        if let outcome = self.conversation.sent() { self.conclude(outcome) }
    }

    /// - Returns: whether there is nothing left to be sent: it has been, or the other side takes no more.
    private func flush() -> Bool {
        while self.sent < self.outgoing.count {
            let count = self.outgoing.withUnsafeBytes { bytes in
                cprobes_send(self.fd, bytes.baseAddress.map { $0 + self.sent }, bytes.count - self.sent)
            }
            if count == -Int(EAGAIN) || count == -Int(EINTR) { return false }
            if count < 0 {
                let error = Int32(-count)
                if case .sending = self.phase, self.sent == 0, error != EPIPE, error != ECONNRESET {
                    self.connectionFailed(error, isLocal: false)
                    return false
                }
                // Who answers before it has read everything and closes may still have answered.
                self.sent = self.outgoing.count
                return true
            }
            self.sent += count
        }
        return true
    }

    private func receive(untilEmpty: Bool) {
        while true {
            let buffer = self.reactor.buffer
            let count = cprobes_receive(self.fd, buffer.baseAddress, buffer.count)
            if count == -Int(EAGAIN) { return }
            if count < 0 { return self.receiveFailed(Int32(-count)) }
            if count == 0 { return self.conclude(self.conversation.ended(peer: self.peer)) }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            if let outcome = self.conversation.received(bytes) { return self.conclude(outcome) }
            let reply = self.conversation.takeReply()
            if !reply.isEmpty { self.reply(reply) }
            // A short read has emptied the socket (epoll(7)); the next event tells of more.
            if count < buffer.count, !untilEmpty { return }
        }
    }

    private func reply(_ bytes: [UInt8]) {
        self.outgoing.removeFirst(self.sent)
        self.sent = 0
        self.outgoing += bytes
        _ = self.flush()
    }

    private func receiveFailed(_ error: Int32) {
        var finding = ConnectionFailure.finding(
            error, isLocal: false, peer: self.peer, during: self.conversation.phase)
        finding.output = self.conversation.output
        self.finish(finding)
    }

    // MARK: Ending

    private func conclude(_ outcome: Outcome) {
        switch outcome {
        case .finding(let finding): self.finish(finding)
        case .judge(let judge): self.judge(judge)
        case .again(let conversation):
            self.closeSocket()
            self.converse(conversation)
            self.connect()
        }
    }

    /// Has the answer judged by another thread, within what is left of the time.
    private func judge(_ judge: @escaping @Sendable (MonotonicInstant) -> Finding) {
        guard let token = self.token else { return }
        self.closeSocket()
        self.answeredAt = ProbeClock.now()
        self.phase = .judging
        let deadline = self.deadline
        let isRunning = self.judges.run { [weak reactor] in
            let finding = judge(deadline)
            reactor?.submit { ($0.client(token) as? SocketProbe)?.finish(finding) }
        }
        if !isRunning { self.finish(.unknown("no thread could be made to judge the answer", reason: .resource)) }
    }

    func deadlinePassed(late: Duration) {
        if case .connecting = self.phase, ProbeClock.now() < self.deadline {
            if self.fd < 0 { return self.connect() }
            return self.connectionFailed(ETIMEDOUT, isLocal: false)
        }
        guard late <= Finding.lateness else { return self.finish(.starved(late: late)) }
        if ProbeClock.now() < self.deadline, let token = self.token {
            if case .resolving = self.phase, self.useStandIn() { return }
            return self.reactor.setDeadline(self.deadline, for: token)
        }
        let limit = self.timeout.brief
        switch self.phase {
        case .securing(let what): self.finish(.unknown("\(what) could not be read within \(limit)", reason: .resource))
        case .judging:
            self.finish(
                .unknown("the answer came in time, but could not be judged within \(limit)", reason: .resource))
        case .resolving where !self.names.isLookedUp():
            self.finish(
                .unknown(
                    "the host name \(self.host) was not looked up within \(limit): "
                        + "other names hold every thread for that", reason: .resource))
        case .resolving:
            self.finish(
                .unknown("timed out after \(limit) looking up the host name \(self.host)", reason: .timeout))
        case .connecting where self.fd < 0:
            self.finish(.down(.timeout, "timed out after \(limit) connecting to \(self.peer), whose queue is full"))
        case .connecting: self.finish(.down(.timeout, "timed out after \(limit) connecting to \(self.peer)"))
        case .sending:
            self.finish(.down(.timeout, "timed out after \(limit) sending the request to \(self.peer)"))
        case .receiving:
            let what = self.conversation.phase
            let output = self.conversation.output
            self.finish(.down(.timeout, "timed out after \(limit) \(what) from \(self.peer)", output: output))
        case .finished: break
        }
    }

    func cancelled() { self.finish(.unknown("the supervisor is stopping")) }

    private func finish(_ finding: Finding) {
        if case .finished = self.phase { return }
        // HTTP reads its own request back where it is connected to itself; only then is it worth asking.
        var finding = finding
        if finding.failure?.reason == .unexpectedBody, self.fd >= 0, cprobes_is_connected_to_itself(self.fd) {
            finding = ConnectionFailure.finding(ECONNREFUSED, isLocal: false, peer: self.peer)
        }
        if let standInAge {
            finding.failure?.message +=
                " (by the address that \(self.host) had \(standInAge.brief) ago: the name service does not answer)"
        }
        self.phase = .finished
        self.closeSocket()
        if let token = self.token { self.reactor.unregister(token) }
        let finishedAt = ProbeClock.now()
        let took = (self.answeredAt ?? finishedAt) - self.startedAt
        if let latency = self.latency, finding.verdict == .up, took > latency {
            let message = "answered in \(took.brief); expected within \(latency.brief)"
            finding = Finding(verdict: .degraded, failure: Failure(reason: .timeout, message: message))
        }
        self.report(
            CheckResult(
                verdict: finding.verdict, failure: finding.failure, startedAt: self.startedAt, finishedAt: finishedAt,
                output: finding.output, retryAfter: finding.retryAfter))
    }

    private func closeSocket() {
        guard self.fd >= 0 else { return }
        close(self.fd)
        self.fd = -1
    }

    /// `127.0.0.1:80`, or `db.example (10.0.0.1:5432)` where a name was given.
    private var peer: String {
        guard self.addresses.indices.contains(self.addressIndex) else { return self.host }
        let address = self.addresses[self.addressIndex]
        let text = address.description
        let isName = !address.isUnix && SocketAddress(numeric: self.host, port: 0) == nil
        return isName ? "\(self.host) (\(text))" : text
    }
}

/// What a probe may ask of whoever looks up its name.
struct NameLookUp {
    /// There is a name to look up, and what would stand in for the answer.
    var mayFail = false
    /// Whether the look-up has begun.
    var isLookedUp: () -> Bool = { true }
    var standIn: () -> (addresses: [SocketAddress], age: Duration)? = { nil }
}
