import Resilience

/// Something took longer than it may.
struct DeadlinePassed: Error {}

/// Gives work so much time, and gives up waiting for it then, even if it cannot be cancelled. Work that was given up and
/// goes on is bounded, so that clients who ask again and again of a supervisor that hangs pile nothing up.
struct Deadlines: Sendable {
    private let timeout: Timeout<ContinuousClock>

    /// - Parameter longest: of all that work may take.
    init(longest: Duration) throws {
        self.timeout = try Timeout(longest, clock: ContinuousClock(), abandonedMax: 1_000)
    }

    /// - Throws: `DeadlinePassed`, `CancellationError`, or what the work throws.
    func within<Value: Sendable>(
        _ limit: Duration, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        do throws(CallError) {
            return try await self.timeout.call(within: limit, work)
        } catch {
            switch error.code {
            case .timedOut, .tooManyAbandoned: throw DeadlinePassed()
            case .cancelled: throw CancellationError()
            default: throw error.root
            }
        }
    }
}
