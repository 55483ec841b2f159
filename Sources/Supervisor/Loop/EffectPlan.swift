import RecoveryEngine

/// The effects of one batch, sorted into what is written down first and what is done afterwards.
struct EffectPlan {
    /// Written in one transaction, before anything below.
    private(set) var batch = AuditBatch()
    /// What is done, in the engine's order.
    private(set) var toDo: [Effect] = []
    /// Actions among `toDo`.
    private(set) var acts: [ActionRequest] = []
    /// Actions that the batch holds no intent for.
    private(set) var actsWithoutIntent: Set<Int64> = []

    init(_ effects: [Effect], extraRecords: [AuditRecord] = []) {
        self.batch.records = extraRecords
        var intents: Set<Int64> = []
        var positions: [String: Int] = [:]
        for effect in effects {
            switch effect {
            case .record(let record):
                self.batch.records.append(record)
                if case .actionIntended(let id, _, _, _, _, _) = record.body { intents.insert(id) }
            case .saveComponent(let name, let state):
                self.save(name, state, &positions)
            case .forgetComponent(let name):
                self.save(name, nil, &positions)
            case .saveHost(let host):
                self.batch.host = host
            case .alert(let message):
                self.batch.alerts.append(message)
            case .act(let request):
                self.acts.append(request)
                self.toDo.append(effect)
            case .watchUnits, .probe, .reconcile, .gatherEvidence, .lookAtRelease, .lookAtFreezer,
                .publishDegradation:
                self.toDo.append(effect)
            }
        }
        self.actsWithoutIntent = Set(self.acts.map(\.id)).subtracting(intents)
        self.batch.isDurable = !self.batch.alerts.isEmpty || self.batch.records.contains { $0.body.mustBeDurable }
    }

    /// Within a batch only a component's last state matters.
    private mutating func save(_ name: String, _ state: SavedComponent?, _ positions: inout [String: Int]) {
        if let position = positions[name] {
            self.batch.components[position].state = state
        } else {
            positions[name] = self.batch.components.count
            self.batch.components.append((name: name, state: state))
        }
    }
}

extension AuditRecord.Body {
    /// It must have reached the disk before the loop goes on: something outside follows from it, or a person was or
    /// will be told of it. All else may be lost with the power without doing harm: what became of an action is found
    /// out again from its intent.
    var mustBeDurable: Bool {
        switch self {
        case .actionIntended, .incidentOpened, .incidentExhausted, .incidentResolved, .freezeChanged,
            .groupFreezeChanged, .latchChanged, .degradationChanged, .approvalAsked, .approvalDecided, .paused,
            .resumed, .drillBegun, .drillEnded:
            true
        case .supervisorStarted, .supervisorStopped, .policyLoaded, .policyRejected, .incidentCorrected,
            .incidentSuppressed, .incidentRearmed, .actionFinished, .actionSkipped, .verification, .note, .evidence,
            .breakerChanged, .timeCounts, .drillCaused, .pruned:
            false
        }
    }
}
