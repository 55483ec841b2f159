import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Supervisor
import Synchronization

/// Serves the control API: on `control.sock`, where the kernel says who asks, and, where wanted, on TCP for reading.
///
/// Clients get their own thread, deadlines and a bounded number of connections; nothing that they send or leave unsent
/// keeps the decision loop from its work.
///
/// - Important: take the lock on the state directory first. A second server on the same directory would replace the
///   socket of the first.
public struct ControlServer: Service {
    private let control: any SupervisorControl
    private let configuration: ControlServerConfiguration
    private let logger: Logger
    private let onListening: @Sendable () async -> Void

    /// - Parameters:
    ///   - control: does what operators ask for.
    ///   - onListening: called once when every listener accepts connections.
    public init(
        control: any SupervisorControl, configuration: ControlServerConfiguration, logger: Logger,
        onListening: @escaping @Sendable () async -> Void = {}
    ) {
        self.control = control
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until graceful shutdown or cancellation. Requests being answered are finished, within their deadlines.
    ///
    /// - Throws: `ControlServerError`, or what the system says of the TCP address.
    public func run() async throws {
        let socket = try ControlSocket(runtimeDirectory: self.configuration.runtimeDirectory)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let published = Mutex<Result<ControlSocket.Identity, ControlServerError>?>(nil)
        defer { socket.withdraw(try? published.withLock { $0 }?.get()) }
        let listening = Listening(count: self.configuration.http == nil ? 1 : 2, then: self.onListening)
        let outcome: Result<Void, any Error>
        do {
            let shared = try Shared(self.control, self.configuration)
            try await withGracefulShutdownHandler {
                try await self.serve(socket, shared, group, listening) { result in published.withLock { $0 = result } }
            } onGracefulShutdown: {
                shared.streams.endAll()
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try? await group.shutdownGracefully()
        if case .failure(let error) = published.withLock({ $0 }) { throw error }
        try outcome.get()
    }

    /// What the listeners have in common.
    private struct Shared: Sendable {
        let accounts = Accounts()
        let ledger: ConnectionLedger
        let streams: OpenStreams
        let reader: StatusReader
        let metrics: Recent<[UInt8]>
        let deadlines: Deadlines

        init(_ control: any SupervisorControl, _ configuration: ControlServerConfiguration) throws {
            let limits = configuration.limits
            self.ledger = ConnectionLedger(limits: limits)
            self.streams = OpenStreams(limits: limits)
            self.reader = StatusReader(control: control, maximumAge: limits.statusAge)
            self.metrics = ControlResponder.metricsReader(control, configuration.metrics, age: limits.metricsAge)
            self.deadlines = try Deadlines(longest: limits.check)
        }
    }

    /// - Parameter onPublished: is told what became of the socket's file.
    private func serve(
        _ socket: ControlSocket, _ shared: Shared, _ group: MultiThreadedEventLoopGroup, _ listening: Listening,
        onPublished: @escaping @Sendable (Result<ControlSocket.Identity, ControlServerError>) -> Void
    ) async throws {
        let (limits, ledger) = (self.configuration.limits, shared.ledger)
        let operators =
            self.configuration.operatorGroupID ?? shared.accounts.groupID(of: self.configuration.operatorGroup)
        let owner = geteuid()
        let local = self.application(
            .unixDomainSocket(path: socket.bindPath), http: nil, shared, group: group,
            makeGuard: {
                ConnectionGuard(limits: limits, ledger: ledger) { descriptor in
                    Peer(descriptor: descriptor).map {
                        $0.isOperator(group: operators, owner: owner) ? .operating($0) : .reading($0)
                    }
                }
            },
            onServerRunning: { channel in
                let result = self.publish(socket, operators: operators)
                onPublished(result)
                if case .failure = result { try? await channel.close() } else { await listening.one() }
            })
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await local.run() }
            if let http = self.configuration.http {
                let remote = self.application(
                    .hostname(http.host, port: http.port), http: http, shared, group: group,
                    makeGuard: { ConnectionGuard(limits: limits, ledger: ledger) { _ in .remote } },
                    onServerRunning: { channel in
                        self.logger.info(
                            "Serving HTTP", metadata: ["address": "\(channel.localAddress?.description ?? "?")"])
                        await listening.one()
                    })
                tasks.addTask { try await remote.run() }
            }
            // One listener alone is not what was asked for.
            do { while try await tasks.next() != nil {} } catch {
                tasks.cancelAll()
                throw error
            }
        }
    }

    private func publish(
        _ socket: ControlSocket, operators: UInt32?
    ) -> Result<ControlSocket.Identity, ControlServerError> {
        Result { () throws(ControlServerError) in
            switch self.configuration.socketAccess {
            case .everyoneReads: try socket.publish(mode: 0o666, group: nil)
            case .operatorsOnly: try socket.publish(mode: 0o660, group: operators)
            }
        }
    }

    private func application(
        _ address: BindAddress, http: HTTPListener?, _ shared: Shared, group: MultiThreadedEventLoopGroup,
        makeGuard: @escaping @Sendable () -> ConnectionGuard,
        onServerRunning: @escaping @Sendable (any Channel) async -> Void
    ) -> Application<ControlResponder> {
        let limits = self.configuration.limits
        // What the HTTP library says about itself is of no use in an operator's journal.
        var quiet = self.logger
        quiet.logLevel = max(quiet.logLevel, .error)
        let responder = ControlResponder(
            control: self.control, statusReader: shared.reader, streams: shared.streams,
            metricsReader: shared.metrics, limits: limits,
            deadlines: shared.deadlines, operatorGroup: self.configuration.operatorGroup,
            version: self.configuration.version, accounts: shared.accounts, http: http, logger: self.logger)
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes, maxHeaderFieldCount: 100)
        return Application(
            responder: responder,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [makeGuard()], idleTimeout: nil, httpDecoderConfiguration: decoder)),
            configuration: .init(address: address, serverName: "heald"),
            onServerRunning: onServerRunning, eventLoopGroupProvider: .shared(group), logger: quiet)
    }
}

/// Tells once when the last of some listeners has come up.
private actor Listening {
    private var missing: Int
    private let then: @Sendable () async -> Void

    init(count: Int, then: @escaping @Sendable () async -> Void) {
        self.missing = count
        self.then = then
    }

    func one() async {
        self.missing -= 1
        if self.missing == 0 { await self.then() }
    }
}
