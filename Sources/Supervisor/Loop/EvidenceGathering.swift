import RecoveryEngine
import Synchronization

/// Collects evidence beside the loop: few at a time, so that a storm of failures does not become a storm of journal
/// reads, and never in the way of a repair.
final class EvidenceGathering: Sendable {
    static let atOnceMost = 4
    static let waitingMost = 256

    private struct State {
        var running = 0
        var waiting: [EvidenceRequest] = []
    }

    private let source: any EvidenceSource
    private let report: @Sendable (EvidenceRequest, String) -> Void
    private let state = Mutex(State())

    init(source: any EvidenceSource, report: @escaping @Sendable (EvidenceRequest, String) -> Void) {
        self.source = source
        self.report = report
    }

    /// Returns at once. Beyond `waitingMost` requests, evidence is not kept.
    func gather(_ request: EvidenceRequest) {
        let begins = self.state.withLock { state in
            if state.running < Self.atOnceMost {
                state.running += 1
                return true
            }
            if state.waiting.count < Self.waitingMost { state.waiting.append(request) }
            return false
        }
        if begins { Task { await self.run(request) } }
    }

    private func run(_ first: EvidenceRequest) async {
        var next: EvidenceRequest? = first
        while let request = next {
            let text = await self.source.lastJournalLines(unit: request.unit, invocationID: request.invocationID)
            if let text { self.report(request, text) }
            next = self.state.withLock { state in
                if state.waiting.isEmpty {
                    state.running -= 1
                    return nil
                }
                return state.waiting.removeFirst()
            }
        }
    }
}
