import DequeModule
import RecoveryEngine
import ResilienceCore
import Synchronization

/// Evidence that is to be gathered a little later, by the loop's own clock: no other thread is woken meanwhile.
struct DelayedEvidence {
    static let inHandMost = 256
    /// The repair has just been sent on its way: reading the journal would take the processor from systemd, which carries
    /// it out. The journal, too, needs a moment to take in a dead process's last words.
    static let delay = Duration.milliseconds(200)

    private var waiting: Deque<(due: MonotonicInstant, request: EvidenceRequest)> = []

    /// Beyond `inHandMost` requests, evidence is not kept.
    mutating func add(_ request: EvidenceRequest, at now: MonotonicInstant) {
        guard self.waiting.count < Self.inHandMost else { return }
        self.waiting.append((now + Self.delay, request))
    }

    var nextDue: MonotonicInstant? { self.waiting.first?.due }

    mutating func takeDue(at now: MonotonicInstant) -> [EvidenceRequest] {
        var due: [EvidenceRequest] = []
        while let first = self.waiting.first, first.due <= now { due.append(self.waiting.removeFirst().request) }
        return due
    }
}

/// Collects evidence beside the loop: few at a time, so that a storm of failures does not become a storm of journal
/// reads, and never in the way of a repair.
final class EvidenceGathering: Sendable {
    static let atOnceMost = 4
    static let inHandMost = 256

    private struct State {
        /// Requests taken and not done with.
        var inHand = 0
        var running = 0
        var waiting: [EvidenceRequest] = []
    }

    private let source: any EvidenceSource
    private let report: @Sendable (EvidenceRequest, String) -> Void
    private let state = Mutex(State())

    init(
        source: any EvidenceSource, report: @escaping @Sendable (EvidenceRequest, String) -> Void
    ) {
        self.source = source
        self.report = report
    }

    /// Returns at once. Beyond `inHandMost` requests, evidence is not kept.
    func gather(_ request: EvidenceRequest) {
        let begins = self.state.withLock { state in
            guard state.inHand < Self.inHandMost else { return false }
            state.inHand += 1
            guard state.running < Self.atOnceMost else {
                state.waiting.append(request)
                return false
            }
            state.running += 1
            return true
        }
        if begins { Task { await self.run(request) } }
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
