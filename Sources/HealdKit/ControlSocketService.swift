import ControlAPI
import Logging
import ServiceLifecycle
import Supervisor
import Synchronization

/// Keeps the control API up: it must be there when heald says that it is ready, and later it comes back by itself.
/// Supervision never waits for it.
final class ControlSocketService: Sendable {
    private struct State {
        var serving: ServiceGroup?
        var isEnding = false
    }

    static let retryAfter = Duration.seconds(5)
    /// How long requests that are being answered get at the end.
    static let lastAnswers = Duration.seconds(2)

    private let control: any SupervisorControl
    private let configuration: ControlServerConfiguration
    private let logger: Logger
    private let state = Mutex(State())

    init(control: any SupervisorControl, configuration: ControlServerConfiguration, logger: Logger) {
        self.control = control
        self.configuration = configuration
        self.logger = logger
    }

    /// Starts to listen and returns when it does, with the task that listens until `end`.
    ///
    /// - Throws: `StartError` where the first attempt fails.
    func start() async throws(StartError) -> Task<Void, Never> {
        let (attempts, continuation) = AsyncStream.makeStream(of: (any Error)?.self)
        let task = Task { await self.run { continuation.yield($0) } }
        for await error in attempts {
            guard let error else { return task }
            self.state.withLock { $0.isEnding = true }
            task.cancel()
            throw StartError(.cannotCreate, ["Could not serve the control API. \(error)"])
        }
        throw StartError(.failed, ["Could not serve the control API: it was cancelled."])
    }

    /// Takes no more requests. The task of `start` ends when the last ones are answered.
    func end() async {
        let serving = self.state.withLock { state in
            state.isEnding = true
            return state.serving
        }
        await serving?.triggerGracefulShutdown()
    }

    /// - Parameter report: is told `nil` when it listens, or why it does not.
    private func run(_ report: @escaping @Sendable ((any Error)?) -> Void) async {
        while true {
            let group = self.serviceGroup { report(nil) }
            let isEnding = self.state.withLock { state in
                state.serving = group
                return state.isEnding
            }
            if isEnding { return }
            do {
                try await group.run()
            } catch {
                report(error)
                if self.state.withLock({ $0.isEnding }) { return }
                self.logger.error("The control API failed and is tried again", metadata: ["error": "\(error)"])
            }
            if self.state.withLock({ $0.isEnding }) { return }
            try? await Task.sleep(for: Self.retryAfter)
        }
    }

    private func serviceGroup(onListening: @escaping @Sendable () -> Void) -> ServiceGroup {
        let server = ControlServer(
            control: self.control, configuration: self.configuration, logger: self.logger, onListening: onListening)
        // Signals are heald's own business, and what a service group says of itself is of no use to operators.
        var quiet = self.logger
        quiet.logLevel = .critical
        var configuration = ServiceGroupConfiguration(services: [server], logger: quiet)
        configuration.maximumGracefulShutdownDuration = Self.lastAnswers
        return ServiceGroup(configuration: configuration)
    }
}
