import Logging
import Policy
import RecoveryEngine
import ResilienceCore

/// What is decided is written down first and done afterwards.
extension DecisionLoop {
    /// Commits and carries out everything decided in this turn, and what the engine decides on in answer to it.
    func settle() {
        for _ in 0..<Self.feedbackRoundsMost {
            guard !self.effects.isEmpty || !self.records.isEmpty else { return }
            let plan = EffectPlan(self.effects, extraRecords: self.records)
            self.effects = []
            self.records = []
            for event in self.carryOut(plan) { self.decide(event) }
        }
        guard !self.effects.isEmpty else { return }
        self.logger.error("The engine keeps answering to its own effects", metadata: ["left": "\(self.effects.count)"])
    }

    /// - Returns: what the engine has to be told of it.
    private func carryOut(_ plan: EffectPlan) -> [Event] {
        if case .ending = self.phase, !plan.acts.isEmpty {
            // Nothing is begun any more. What led to it is not written either, so that the next run finds everything
            // as it was and decides anew.
            return []
        }
        var feedback: [Event] = []
        var refusal = self.recorder.failure?.why
        if !plan.batch.isEmpty {
            self.tally.decided(plan.batch)
            switch self.recorder.write(plan.batch, at: self.now) {
            case .written:
                if !plan.batch.alerts.isEmpty { self.ports.alerts.wake() }
            case .kept(let why, let isNew):
                refusal = why
                // The durable outbox is out of reach: people hear of it at once, from memory.
                for alert in plan.batch.alerts { self.ports.alerts.sendUnrecorded(alert) }
                if isNew { feedback.append(self.recordingFailed(why)) }
            }
        }
        for effect in plan.toDo {
            if case .act(let request) = effect, let why = self.whyNot(request, plan, unrecorded: refusal) {
                feedback.append(.actionFinished(id: request.id, ActionOutcome(.refused, detail: why)))
            } else {
                self.run(effect)
            }
        }
        if !plan.batch.isEmpty {
            self.heartbeat.statusChanged()
            RecordLog.write(plan.batch.records, refused: refusal != nil, to: self.logger)
        }
        return feedback
    }

    /// Why an action must not be carried out; `nil` where it may.
    private func whyNot(_ request: ActionRequest, _ plan: EffectPlan, unrecorded: String?) -> String? {
        if let unrecorded { return "its intent could not be recorded: \(unrecorded)" }
        if plan.actsWithoutIntent.contains(request.id) {
            self.logger.error("An action came without a record of its intent", metadata: ["action": "\(request.id)"])
            return "no record of its intent came with it"
        }
        if self.inFlight.count >= ActionsInFlight.most {
            return "\(ActionsInFlight.most) actions are in flight already"
        }
        return nil
    }

    private func run(_ effect: Effect) {
        switch effect {
        case .act(let request):
            self.noteSending(request)
            self.follow(request) { actions, request in await actions.run(request) }
        case .reconcile(let request):
            self.follow(request) { actions, request in await actions.reconcile(request) }
        case .probe(let request):
            self.probesInFlight[request.id] = request.component
            self.ports.prober.start(request) { [mailbox] result in
                mailbox.put(
                    .event(
                        .probeFinished(
                            id: request.id, component: request.component, check: request.check.name, result)))
            }
        case .watchUnits(let units, let requirers):
            self.watching.watch(units, requirementsOf: requirers)
        case .lookAtRelease(let component, let policy):
            Task { [releases = self.ports.releases, mailbox] in
                mailbox.put(.event(.releaseSeen(component: component, await releases.look(at: policy))))
            }
        case .lookAtFreezer(let unit):
            Task { [observer = self.ports.observer, mailbox] in
                mailbox.put(.event(.freezerSeen(unit: unit, await observer.freezer(of: unit))))
            }
        case .gatherEvidence(let request):
            self.delayedEvidence.add(request, at: self.now.monotonic)
        case .publishDegradation(let notice):
            self.publish(notice)
        case .record, .saveComponent, .forgetComponent, .saveHost, .alert:
            // In the batch, never among what is to do.
            break
        }
    }

    /// Begins on this very thread and leaves it where the runner first waits: one change of threads less between a
    /// decision and the message that carries it out.
    private func follow(
        _ request: ActionRequest,
        _ body: @escaping @Sendable (any ActionRunner, ActionRequest) async -> ActionOutcome
    ) {
        self.inFlight.began(request, at: self.now.monotonic)
        self.tally.began(request, at: self.now.monotonic)
        Task.immediate { [actions = self.ports.actions, mailbox] in
            let outcome = await body(actions, request)
            mailbox.put(.event(.actionFinished(id: request.id, outcome)))
        }
    }

    func keep(evidence text: String, for request: EvidenceRequest) {
        self.records.append(
            AuditRecord(
                at: self.now.wall, component: request.component, incident: request.incident,
                .evidence(kind: .journal, text: text)))
    }
}

/// Where the audit trail cannot be written.
extension DecisionLoop {
    private func recordingFailed(_ why: String) -> Event {
        self.logger.critical(
            "The audit trail cannot be written; repairs wait until it can", metadata: ["why": "\(why)"])
        self.heartbeat.statusChanged()
        return .recordingFailed(why: why)
    }

    func retryRecording() {
        guard self.recorder.retry(at: self.now) else { return }
        self.logger.notice("The audit trail can be written again")
        self.heartbeat.statusChanged()
        self.decide(.recordingFailed(why: nil))
        self.settle()
    }

    /// The watchdog, the word of being alive, what services are told and the status line.
    func beat() {
        if self.heartbeat.watchdogIsDue(at: self.now.monotonic) { self.ports.notifier.notify("WATCHDOG=1") }
        if self.heartbeat.aliveIsDue(at: self.now.monotonic), let why = self.recorder.alive(at: self.now) {
            self.decide(self.recordingFailed(why))
            self.settle()
        }
        guard case .running = self.phase else { return }
        self.publishAgain()
        guard self.heartbeat.statusIsDue(at: self.now.monotonic) else { return }
        self.ports.notifier.notify("STATUS=" + self.statusLine())
    }
}
