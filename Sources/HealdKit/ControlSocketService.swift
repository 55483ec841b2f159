import ControlAPI
import Logging
import Supervisor

/// Keeps the control API up: it must be there when heald says that it is ready, and later it comes back by itself.
/// Supervision never waits for it.
struct ControlSocketService: Sendable {
    /// What became of an attempt to listen.
    enum Attempt: Sendable {
        case listening
        case failed(any Error)
    }

    static let retryAfter = Duration.seconds(5)

    let control: any SupervisorControl
    let configuration: ControlServerConfiguration
    let logger: Logger

    /// Starts to listen and returns when it does. It listens until the returned task is cancelled.
    ///
    /// - Throws: `StartError` where the first attempt fails.
    func start() async throws(StartError) -> Task<Void, Never> {
        let (attempts, continuation) = AsyncStream.makeStream(of: Attempt.self)
        let task = Task { await self.run { continuation.yield($0) } }
        for await attempt in attempts {
            switch attempt {
            case .listening: return task
            case .failed(let error):
                task.cancel()
                throw StartError(.cannotCreate, ["Could not serve the control API. \(error)"])
            }
        }
        throw StartError(.failed, ["Could not serve the control API: it was cancelled."])
    }

    private func run(_ report: @escaping @Sendable (Attempt) -> Void) async {
        while !Task.isCancelled {
            let server = ControlServer(
                control: self.control, configuration: self.configuration, logger: self.logger,
                onListening: { report(.listening) })
            do {
                try await server.run()
            } catch {
                report(.failed(error))
                if Task.isCancelled { return }
                self.logger.error("The control API failed and is tried again", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: Self.retryAfter)
        }
    }
}
