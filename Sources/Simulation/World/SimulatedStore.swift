import RecoveryEngine
import ResilienceCore

/// The audit trail on a disk that may be full, and under a power supply that may fail.
struct SimulatedStore {
    /// One transaction.
    struct Batch {
        var effects: [Effect]
        var isDurable: Bool
    }

    private struct Contents {
        var records: [AuditRecord] = []
        var state = RestoredState()
        var alerts: [AlertMessage] = []

        mutating func apply(_ batch: Batch) {
            for effect in batch.effects {
                switch effect {
                case .record(let record): self.records.append(record)
                case .saveComponent(let name, let saved): self.state.components[name] = saved
                case .forgetComponent(let name): self.state.components[name] = nil
                case .saveHost(let host): self.state.host = host
                case .alert(let message): self.alerts.append(message)
                case .watchUnits, .probe, .act, .reconcile, .lookAtRelease, .lookAtFreezer, .gatherEvidence,
                    .publishDegradation:
                    break
                }
            }
        }
    }

    /// What is on the disk for certain.
    private var durable = Contents()
    /// Committed since the last flush.
    private var unflushed: [Batch] = []
    var isFull = false

    /// What the supervisor reads at its start.
    var restored: RestoredState { self.contents.state }
    var allRecords: [AuditRecord] { self.contents.records }

    private var contents: Contents {
        var contents = self.durable
        for batch in self.unflushed { contents.apply(batch) }
        return contents
    }

    /// - Returns: whether it was written.
    mutating func commit(_ batch: Batch) -> Bool {
        guard !self.isFull else { return false }
        self.unflushed.append(batch)
        if batch.isDurable {
            self.durable = self.contents
            self.unflushed = []
        }
        return true
    }

    /// The power fails: of what was not flushed, only a beginning is on the disk.
    ///
    /// - Returns: the effects that were lost.
    mutating func losePower(keeping kept: Int) -> [Effect] {
        let kept = min(kept, self.unflushed.count)
        for batch in self.unflushed.prefix(kept) { self.durable.apply(batch) }
        let lost = self.unflushed.dropFirst(kept).flatMap(\.effects)
        self.unflushed = []
        return lost
    }

    var unflushedCount: Int { self.unflushed.count }
}

extension Effect {
    /// It is written down with its batch; all others are done afterwards.
    var isWritten: Bool {
        switch self {
        case .record, .saveComponent, .forgetComponent, .saveHost, .alert: true
        case .watchUnits, .probe, .act, .reconcile, .lookAtRelease, .lookAtFreezer, .gatherEvidence,
            .publishDegradation:
            false
        }
    }

    /// Its batch must have reached the disk before anything follows from it.
    var mustBeDurable: Bool {
        switch self {
        case .alert, .act: return true
        case .record(let record):
            switch record.body {
            case .actionIntended, .incidentOpened, .incidentExhausted, .incidentResolved, .freezeChanged,
                .groupFreezeChanged, .latchChanged, .degradationChanged, .approvalAsked, .approvalDecided, .paused,
                .resumed:
                return true
            default: return false
            }
        case .saveComponent, .forgetComponent, .saveHost, .watchUnits, .probe, .reconcile, .lookAtRelease,
            .lookAtFreezer, .gatherEvidence, .publishDegradation:
            return false
        }
    }
}
