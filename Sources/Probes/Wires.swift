import Policy
import RecoveryEngine
import ResilienceCore

/// Runs the checks that connect to somebody.
///
/// `@unchecked Sendable`: `connections` is touched on the reactor's thread only; everything else guards itself.
final class Wires: @unchecked Sendable {
    /// Whom to connect to.
    struct Peer: Hashable, Sendable {
        var host: String
        var port: Int
        /// Connect here instead.
        var unixSocket: String?
        /// `nil`: no TLS is spoken.
        var trust: TLSTrust?
    }

    private let resolver: Resolver
    private let contexts = TLSContexts()
    private let judges = BlockingPool(name: "heald-judges", threadsMax: 2)
    private let connectionsMax: Int
    private var connections = 0

    init(connectionsMax: Int, resolver: Resolver) {
        self.connectionsMax = connectionsMax
        self.resolver = resolver
    }

    func stop() {
        self.resolver.stop()
        self.contexts.stop()
        self.judges.stop()
    }

    /// - Parameter latency: an answer slower than this is `degraded`.
    func ask(
        _ peer: Peer, _ conversation: any Conversation, timeout: Duration, latency: Duration? = nil,
        on reactor: Reactor, report: @escaping @Sendable (CheckResult) -> Void
    ) {
        guard self.connections < self.connectionsMax else {
            return SystemProber.report(
                .unknown("\(self.connectionsMax) connections are open already; raise LimitNOFILE=", reason: .resource),
                to: report)
        }
        let addresses: [SocketAddress]?
        if let path = peer.unixSocket {
            guard let address = SocketAddress(unixSocket: path) else {
                return SystemProber.report(
                    .down(.misconfigured, "\(path) is too long for a socket's path"), to: report)
            }
            addresses = [address]
        } else {
            addresses = Resolver.immediate(peer.host, port: peer.port)
        }
        self.connections += 1
        let probe = SocketProbe(
            reactor: reactor, judges: self.judges, conversation: conversation, host: peer.unixSocket ?? peer.host,
            timeout: timeout, latency: latency, names: self.names(of: peer, areKnown: addresses != nil)
        ) { result in
            self.connections -= 1
            report(result)
        }
        let token = probe.start(securing: peer.trust?.subject)
        guard let trust = peer.trust else { return self.lookUp(peer, addresses, probe, token, reactor) }
        self.contexts.context(for: trust) { context in
            reactor.submit { reactor in
                guard let probe = reactor.client(token) as? SocketProbe,
                    probe.secured({
                        TLSConversation.wrapping($0, host: peer.host, port: peer.port, trust: trust, context)
                    })
                else { return }
                self.lookUp(peer, addresses, probe, token, reactor)
            }
        }
    }

    private func names(of peer: Peer, areKnown: Bool) -> NameLookUp {
        guard !areKnown else { return NameLookUp() }
        return NameLookUp(
            mayFail: self.resolver.standIn(for: peer.host, port: peer.port) != nil,
            isLookedUp: { [resolver] in resolver.hasBegun(peer.host) },
            standIn: { [resolver] in resolver.standIn(for: peer.host, port: peer.port) })
    }

    private func lookUp(
        _ peer: Peer, _ addresses: [SocketAddress]?, _ probe: SocketProbe, _ token: Reactor.Token, _ reactor: Reactor
    ) {
        if let addresses { return probe.resolved(.success(addresses)) }
        self.resolver.resolve(peer.host, port: peer.port) { answer in
            reactor.submit { ($0.client(token) as? SocketProbe)?.resolved(answer) }
        }
    }
}
