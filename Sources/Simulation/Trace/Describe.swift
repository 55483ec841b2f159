import Policy
import RecoveryEngine
import ResilienceCore

// Events and effects as lines of a trace. Everything that a decision says is in them, and nothing whose order or text
// could differ between two runs (sets and dictionaries are sorted).

func describe(_ job: UnitJob?) -> String {
    job.map { "job=\($0.id)/\($0.type)\($0.isOurs ? "/ours" : "")" } ?? ""
}

func describe(_ event: Event) -> String {
    switch event {
    case .started(let restored): "started \(describe(restored.host)) \(describe(restored.components))"
    case .policyLoaded(let policy, let generation):
        "policyLoaded \(generation) \(policy.components.map(\.name).joined(separator: ","))"
    case .unitObserved(let unit, let seen): "unitObserved \(unit) \(describe(seen))"
    case .unitsUnknown(let why): "unitsUnknown \(why)"
    case .probeFinished(let id, let component, let check, let result):
        "probeFinished \(id) \(component)/\(check) \(describe(result))"
    case .beat(let component, let check): "beat \(component)/\(check ?? "*")"
    case .actionFinished(let id, let outcome): "actionFinished \(id) \(outcome.result.rawValue): \(outcome.detail)"
    case .releaseSeen(let component, let seen): "releaseSeen \(component) \(seen.current ?? seen.problem ?? "-")"
    case .freezerSeen(let unit, let seen):
        "freezerSeen \(unit) \(seen.map { $0.isFrozen ? "frozen" : "running" } ?? "-")"
    case .deadline: "deadline"
    case .stalled(let duration): "stalled \(seconds(duration))"
    case .recordingFailed(let why): why.map { "recordingFailed \($0)" } ?? "recording goes on"
    case .operatorAsked(let request): "operatorAsked \(request)"
    }
}

func describe(_ seen: UnitObservation) -> String {
    var parts = [seen.activeState.rawValue, seen.subState, seen.result, String(seen.invocationID?.prefix(8) ?? "-")]
    if seen.loadState != "loaded" { parts.append(seen.loadState) }
    if let job = seen.job { parts.append(describe(job)) }
    if seen.stoppedByOther { parts.append("stoppedByOther") }
    if seen.startedByOther { parts.append("startedByOther") }
    if let exit = seen.exit { parts.append("\(exit.kind.rawValue)/\(exit.status)@\(exit.at.microseconds)") }
    return parts.joined(separator: " ")
}

func describe(_ result: CheckResult) -> String {
    let took = result.finishedAt - result.startedAt
    let why = result.failure.map { " \($0.reason.rawValue): \($0.message)" } ?? ""
    return "\(result.verdict.rawValue) after \(seconds(took))\(why)"
}

func describe(_ effect: Effect) -> String {
    switch effect {
    case .record(let record):
        "record \(record.component ?? "-") #\(record.incident ?? 0) @\(record.at.microseconds) \(describe(record.body))"
    case .saveComponent(let name, let saved): "save \(name) \(describe(saved))"
    case .forgetComponent(let name): "forget \(name)"
    case .saveHost(let host): "saveHost \(describe(host))"
    case .alert(let message):
        "alert \(message.event.rawValue) \(message.component ?? "-") #\(message.incident ?? 0) "
            + "\(message.severity.rawValue) [\(message.channels.joined(separator: ","))] \(message.text)"
    case .watchUnits(let units, _): "watch \(units.sorted().joined(separator: ","))"
    case .probe(let request): "probe \(request.id) \(request.component)/\(request.check.name)"
    case .act(let request): "act \(describe(request))"
    case .reconcile(let request): "reconcile \(describe(request))"
    case .lookAtRelease(let component, _): "lookAtRelease \(component)"
    case .lookAtFreezer(let unit): "lookAtFreezer \(unit)"
    case .gatherEvidence(let request):
        "gatherEvidence #\(request.incident) \(request.component) \(request.unit) \(request.invocationID ?? "-")"
    case .publishDegradation(let notice):
        "publish \(notice?.level.rawValue ?? "nothing")"
    }
}

func describe(_ request: ActionRequest) -> String {
    "\(request.id) #\(request.incident) \(request.component) \(request.action) \(request.unit ?? "-") "
        + "attempt=\(request.attempt) timeout=\(seconds(request.timeout)) "
        + "expects=\(request.expectedInvocationID?.prefix(8) ?? "-") generation=\(request.policyGeneration)"
        + (request.order.map { " \(describe($0))" } ?? "")
}

func describe(_ order: ActionOrder) -> String {
    switch order {
    case .restartAfterwards(let units): "restartAfterwards(\(units.joined(separator: ",")))"
    case .clearCache(let cache): "clearCache(paths: \(cache.paths) hook: \(cache.hook))"
    case .switchRelease(let change):
        "switchRelease(\(change.from) → \(change.to)\(change.isPutBack ? ", put back" : ""))"
    case .failOver(let order): "failOver(\(order.from) → \(order.to)\(order.isPutBack ? ", put back" : ""))"
    case .switchEndpoint(_, let unit): "switchEndpoint(\(unit))"
    case .start(let units): "start(\(units.joined(separator: ",")))"
    case .stop(let units): "stop(\(units.joined(separator: ",")))"
    case .limit(let units, let properties): "limit(\(units.joined(separator: ",")) \(describe(properties)))"
    case .unlimit(let units, let properties): "unlimit(\(units.joined(separator: ",")) \(describe(properties)))"
    case .isolate: "isolate"
    case .tryIsolated: "tryIsolated"
    case .endIsolation: "endIsolation"
    }
}

private func describe(_ properties: [UnitProperty]) -> String {
    properties.map { "\($0.name.rawValue)=\($0.value)" }.joined(separator: ",")
}

func describe(_ body: AuditRecord.Body) -> String {
    switch body {
    case .incidentOpened(let opening):
        "incidentOpened \(opening.cause.check) \(opening.cause.category.rawValue)/\(opening.cause.reason.rawValue) "
            + "\(opening.severity.rawValue) failedAt=\(opening.failedAt.microseconds) "
            + "detectedAt=\(opening.detectedAt.microseconds) previous=\(opening.previous ?? 0) "
            + "root=\(opening.rootCause ?? "-"): \(opening.cause.message)"
    case .incidentCorrected(let cause, let failedAt):
        "incidentCorrected \(cause.category.rawValue)/\(cause.reason.rawValue) failedAt=\(failedAt.microseconds): "
            + cause.message
    case .incidentResolved(let at, let healer): "incidentResolved at=\(at.microseconds) by=\(healer.rawValue)"
    case .incidentExhausted(let rearmAt): "incidentExhausted rearmAt=\(rearmAt.microseconds)"
    case .actionFinished(let id, let outcome): "actionFinished \(id) \(outcome.result.rawValue): \(outcome.detail)"
    case .policyLoaded(let generation, let names): "policyLoaded \(generation) \(names.joined(separator: ","))"
    case .paused(let until, let by, let reason): "paused until=\(until.microseconds) by=\(by): \(reason)"
    default: "\(body)"
    }
}

func describe(_ components: [String: SavedComponent]) -> String {
    components.sorted { $0.key < $1.key }.map { "\($0.key){\(describe($0.value))}" }.joined(separator: " ")
}

func describe(_ saved: SavedComponent) -> String {
    var parts: [String] = []
    if let incident = saved.incident {
        parts.append(
            "#\(incident.id) \(incident.state.rawValue) \(incident.cause.check)/\(incident.cause.reason.rawValue) "
                + "failedAt=\(incident.failedAt.microseconds) root=\(incident.rootCause ?? "-")")
    }
    parts.append("\(saved.ladder)".replacing("RecoveryEngine.", with: ""))
    if saved.breaker != SavedBreaker() { parts.append("\(saved.breaker)".replacing("RecoveryEngine.", with: "")) }
    if let until = saved.pausedUntil { parts.append("pausedUntil=\(until.microseconds)") }
    if saved.stoppedByOperator { parts.append("stopped") }
    if let approval = saved.approval {
        parts.append("approval(\(approval.id) until=\(approval.until.microseconds) by=\(approval.approvedBy ?? "-"))")
    }
    if let request = saved.inFlight { parts.append("inFlight(\(describe(request)))") }
    if let flap = saved.flap { parts.append("flap(\(flap.changes.map(\.microseconds)) latched=\(flap.latched))") }
    if let active = saved.facts?.active { parts.append("active=\(active)") }
    if let until = saved.facts?.isolatedUntil { parts.append("isolatedUntil=\(until.microseconds)") }
    if let undo = saved.facts?.pendingUndo { parts.append("undo(\(describe(undo.order)))") }
    if saved.timeSuspended { parts.append("timeSuspended") }
    return parts.joined(separator: " ")
}

func describe(_ host: SavedHost) -> String {
    "next=\(host.nextIncident)/\(host.nextAction) actions=\(host.actions.map(\.microseconds)) "
        + "pausedUntil=\(host.pausedUntil?.microseconds ?? 0) frozen=\(host.frozen)"
        + (host.storm.map { " storm=\($0.cause.rawValue)@\($0.since.microseconds)" } ?? "")
        + host.groups.sorted { $0.key < $1.key }.map {
            " \($0.key){actions=\($0.value.actions.map(\.microseconds)) frozen=\($0.value.frozen)}"
        }.joined()
}
