import RecoveryEngine
import ResilienceCore
import Synchronization

/// Collects evidence beside the loop: few at a time, so that a storm of failures does not become a storm of journal
/// reads, and never in the way of a repair.
final class EvidenceGathering: Sendable {
    static let atOnceMost = 4
    static let inHandMost = 256
    /// The repair has just been sent on its way: reading the journal would take the processor from systemd, which carries
    /// it out. The journal, too, needs a moment to take in a dead process's last words.
    static let delay = Duration.milliseconds(200)

    private struct State {
        /// Requests taken and not done with.
        var inHand = 0
        var running = 0
        var waiting: [EvidenceRequest] = []
    }

    private let source: any EvidenceSource
    private let clock: any SupervisorClock
    private let report: @Sendable (EvidenceRequest, String) -> Void
    private let state = Mutex(State())

    init(
        source: any EvidenceSource, clock: any SupervisorClock,
        report: @escaping @Sendable (EvidenceRequest, String) -> Void
    ) {
        self.source = source
        self.clock = clock
        self.report = report
    }

    /// Returns at once. Beyond `inHandMost` requests, evidence is not kept.
    func gather(_ request: EvidenceRequest) {
        let isTaken = self.state.withLock { state in
            guard state.inHand < Self.inHandMost else { return false }
            state.inHand += 1
            return true
        }
        guard isTaken else { return }
        Task { [clock] in
            try? await clock.sleep(until: clock.now().monotonic + Self.delay)
            let begins = self.state.withLock { state in
                guard state.running < Self.atOnceMost else {
                    state.waiting.append(request)
                    return false
                }
                state.running += 1
                return true
            }
            if begins { await self.run(request) }
        }
    }

    private func run(_ first: EvidenceRequest) async {
        var next: EvidenceRequest? = first
        while let request = next {
            let text = await self.source.lastJournalLines(unit: request.unit, invocationID: request.invocationID)
            if let text { self.report(request, text) }
            next = self.state.withLock { state in
                state.inHand -= 1
                if state.waiting.isEmpty {
                    state.running -= 1
                    return nil
                }
                return state.waiting.removeFirst()
            }
        }
    }
}
