import CProbes
import Glibc
import Policy
import RecoveryEngine
import ResilienceCore

/// One run of an `http` or `tcp` check: a fresh connection, one conversation, one result.
///
/// Lives on the reactor's thread. One deadline covers everything from the look-up of the name to the last byte, so
/// that a server that drips cannot extend it.
final class SocketProbe: ReactorClient {
    private enum Phase {
        case resolving, connecting, sending, receiving, finished
    }

    private let reactor: Reactor
    private let conversation: any Conversation
    private let host: String
    private let timeout: Duration
    /// A response slower than this is `degraded`.
    private let latency: Duration?
    private let startedAt = ProbeClock.now()
    /// Whether the look-up of the name has begun.
    private let isLookedUp: () -> Bool
    private let report: (CheckResult) -> Void

    private var phase = Phase.resolving
    private var token: Reactor.Token?
    private var fd: Int32 = -1
    private var addresses: [SocketAddress] = []
    private var addressIndex = 0
    private var sent = 0

    /// How long to wait before asking a Unix socket again whose queue is full.
    private static let fullQueuePause = Duration.milliseconds(20)

    init(
        reactor: Reactor, conversation: any Conversation, host: String, timeout: Duration, latency: Duration?,
        isLookedUp: @escaping () -> Bool, report: @escaping (CheckResult) -> Void
    ) {
        self.reactor = reactor
        self.conversation = conversation
        self.host = host
        self.timeout = timeout
        self.latency = latency
        self.isLookedUp = isLookedUp
        self.report = report
    }

    deinit {
        if self.fd >= 0 { close(self.fd) }
    }

    private var deadline: MonotonicInstant { self.startedAt + self.timeout }

    /// Begins. Where no addresses are given yet, `resolved` must follow.
    func start(addresses: [SocketAddress]?) -> Reactor.Token {
        let token = self.reactor.register(self)
        self.token = token
        self.reactor.setDeadline(self.deadline, for: token)
        if let addresses { self.resolved(.success(addresses)) }
        return token
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
            self.connect()
        case .failure(.noSuchName(let why)):
            self.finish(.down(.connection, "the host name \(self.host) could not be resolved: \(why)"))
        case .failure(.failed(let why)):
            self.finish(.down(.connection, "looking up the host name \(self.host) failed: \(why)"))
        case .failure(.local(let why)):
            self.finish(.unknown("the host name \(self.host) could not be looked up: \(why)"))
        }
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
        if case .receiving = self.phase, readable { self.receive(untilEmpty: closed) }
    }

    private func send() {
        let request = self.conversation.request
        while self.sent < request.count {
            let count = request.withUnsafeBytes { bytes in
                cprobes_send(self.fd, bytes.baseAddress.map { $0 + self.sent }, bytes.count - self.sent)
            }
            if count == -Int(EAGAIN) || count == -Int(EINTR) { return }
            if count < 0 {
                let error = Int32(-count)
                if self.sent == 0, error != EPIPE, error != ECONNRESET {
                    return self.connectionFailed(error, isLocal: false)
                }
                // Who answers before it has read everything and closes may still have answered.
                break
            }
            self.sent += count
        }
        self.phase = .receiving
        if let finding = self.conversation.sent() { self.finish(finding) }
    }

    private func receive(untilEmpty: Bool) {
        while true {
            let buffer = self.reactor.buffer
            let count = cprobes_receive(self.fd, buffer.baseAddress, buffer.count)
            if count == -Int(EAGAIN) { return }
            if count < 0 { return self.receiveFailed(Int32(-count)) }
            if count == 0 { return self.finish(self.conversation.ended(peer: self.peer)) }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            if let finding = self.conversation.received(bytes) { return self.finish(finding) }
            // A short read has emptied the socket (epoll(7)); the next event tells of more.
            if count < buffer.count, !untilEmpty { return }
        }
    }

    private func receiveFailed(_ error: Int32) {
        var finding = ConnectionFailure.finding(
            error, isLocal: false, peer: self.peer, during: self.conversation.phase)
        finding.output = self.conversation.output
        self.finish(finding)
    }

    // MARK: Ending

    func deadlinePassed(late: Duration) {
        if case .connecting = self.phase, ProbeClock.now() < self.deadline {
            if self.fd < 0 { return self.connect() }
            return self.connectionFailed(ETIMEDOUT, isLocal: false)
        }
        guard late <= Finding.lateness else { return self.finish(.starved(late: late)) }
        let limit = self.timeout.brief
        switch self.phase {
        case .resolving where !self.isLookedUp():
            self.finish(
                .unknown(
                    "the host name \(self.host) was not looked up within \(limit): "
                        + "other names hold every thread for that", reason: .resource))
        case .resolving:
            self.finish(.down(.timeout, "timed out after \(limit) looking up the host name \(self.host)"))
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
        self.phase = .finished
        self.closeSocket()
        if let token = self.token { self.reactor.unregister(token) }
        let finishedAt = ProbeClock.now()
        if let latency = self.latency, finding.verdict == .up, finishedAt - self.startedAt > latency {
            let took = (finishedAt - self.startedAt).brief
            let message = "answered in \(took); expected within \(latency.brief)"
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

/// What a failed connection says of the component, or of this machine.
enum ConnectionFailure {
    /// The probe could not be made: nothing is known of the component.
    static func isLocal(_ error: Int32) -> Bool {
        switch error {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EADDRINUSE, EAGAIN, EACCES, EPERM, EAFNOSUPPORT: true
        default: false
        }
    }

    /// - Parameter phase: what was being waited for, where the connection stood already.
    static func finding(_ error: Int32, isLocal: Bool, peer: String, during phase: String? = nil) -> Finding {
        if isLocal || Self.isLocal(error) {
            return .unknown("no connection to \(peer) could be tried: \(Self.localText(error))", reason: .resource)
        }
        if let phase {
            let what = error == ECONNRESET ? "reset" : "broken (\(errorText(error)))"
            return .down(.connection, "connection \(what) by \(peer) while \(phase)")
        }
        switch error {
        case ECONNREFUSED: return .down(.connection, "connection refused by \(peer)")
        case ECONNRESET, EPIPE: return .down(.connection, "connection reset by \(peer)")
        case ENETUNREACH: return .down(.connection, "the network of \(peer) is unreachable")
        case EHOSTUNREACH, EHOSTDOWN: return .down(.connection, "no route to \(peer)")
        case ENOENT: return .down(.connection, "there is no socket \(peer)")
        case ETIMEDOUT: return .down(.timeout, "timed out connecting to \(peer)")
        default: return .down(.connection, "connecting to \(peer) failed: \(errorText(error))")
        }
    }

    private static func localText(_ error: Int32) -> String {
        switch error {
        case EADDRNOTAVAIL: "no local port or address is free (\(errorText(error)))"
        case EMFILE: "this process has no descriptor left (\(errorText(error)); raise LimitNOFILE=)"
        case ENFILE: "this machine has no descriptor left (\(errorText(error)))"
        case EACCES, EPERM: "this machine does not permit it (\(errorText(error)))"
        default: errorText(error)
        }
    }
}
