import Policy
import ResilienceCore

/// Everything the engine can ask for. The shell commits the records, saves and alerts of a batch in one transaction and
/// only then runs the rest, in order.
public enum Effect: Hashable, Sendable {
    case record(AuditRecord)
    case saveComponent(String, SavedComponent)
    case forgetComponent(String)
    case saveHost(SavedHost)
    /// Queue a message in the durable outbox.
    case alert(AlertMessage)
    /// The whole set of units to be told of.
    /// Of some also what they require.
    case watchUnits(Set<String>, requirementsOf: Set<String> = [])
    case probe(ProbeRequest)
    /// Do it. Its intent is in the records of this batch.
    case act(ActionRequest)
    /// The intent is from an earlier run: find out what became of it, do not do it again.
    case reconcile(ActionRequest)
    /// Look which release of a component is current; the answer comes as `Event.releaseSeen`.
    case lookAtRelease(component: String, ReleasePolicy)
    /// Ask whether a unit is frozen; the answer comes as `Event.freezerSeen`.
    case lookAtFreezer(unit: String)
    /// Keep what may be gone later.
    case gatherEvidence(EvidenceRequest)
    /// Tell services what the host does without; `nil`: the policy says nothing of that any more.
    case publishDegradation(DegradationNotice?)
}

/// One action to carry out on a unit (or without one).
public struct ActionRequest: Hashable, Sendable, Codable {
    public var id: Int64
    public var incident: Int64
    public var component: String
    /// The name of the strategy: `RESTART`, …
    public var action: String
    public var unit: String?
    public var attempt: Int
    public var timeout: Duration
    /// The invocation that the decision was about; acting on another one is refused.
    public var expectedInvocationID: String?
    /// Of other units than `unit`, by name, where the decision was about one of theirs.
    public var otherInvocations: [String: String]?
    public var policyGeneration: Int
    /// What the policy says of it, as it was when it was decided on; `nil` in what older versions wrote down.
    public var strategy: Strategy?
    /// What exactly is to be done, where the name does not say it.
    public var order: ActionOrder?
    /// Units that must not run while `unit` does; it is not started beside one of them.
    public var rivals: [String]?
    /// It is part of a drill, which this says; no repair.
    public var drill: DrillOrder?

    public init(
        id: Int64, incident: Int64, component: String, action: String, unit: String?, attempt: Int, timeout: Duration,
        expectedInvocationID: String?, policyGeneration: Int, strategy: Strategy? = nil,
        order: ActionOrder? = nil, rivals: [String]? = nil, drill: DrillOrder? = nil
    ) {
        self.id = id
        self.incident = incident
        self.component = component
        self.action = action
        self.unit = unit
        self.attempt = attempt
        self.timeout = timeout
        self.expectedInvocationID = expectedInvocationID
        self.policyGeneration = policyGeneration
        self.strategy = strategy
        self.order = order
        self.rivals = rivals
        self.drill = drill
    }

    /// The invocation of `unit` that the decision was about; `nil`: it was about the unit, whichever runs.
    public func expectedInvocation(of unit: String) -> String? {
        unit == self.unit ? self.expectedInvocationID : self.otherInvocations?[unit]
    }
}

/// How an action ended.
public struct ActionOutcome: Hashable, Sendable, Codable {
    public var result: ActionResult
    /// For a person: `job 4211 done; active (running) after 38 ms`.
    public var detail: String

    public init(_ result: ActionResult, detail: String) {
        self.result = result
        self.detail = detail
    }
}

/// The result of an action, as in the stable JSON.
public enum ActionResult: String, CaseIterable, Hashable, Sendable, Codable {
    case succeeded, failed
    case timedOut = "timed_out"
    /// The supervisor ended in its middle and it did not happen, or nobody can tell.
    case interrupted
    /// At the moment of acting the world was no longer the one decided on.
    case refused
    /// Decided against, with the reason.
    case skipped
}

/// Evidence to keep of a failure.
public struct EvidenceRequest: Hashable, Sendable {
    public var incident: Int64
    public var component: String
    public var unit: String
    /// Lines of this invocation, the dead one.
    public var invocationID: String?

    public init(incident: Int64, component: String, unit: String, invocationID: String?) {
        self.incident = incident
        self.component = component
        self.unit = unit
        self.invocationID = invocationID
    }
}

/// One message for people, as it is put into the outbox.
public struct AlertMessage: Hashable, Sendable, Codable {
    public var event: AlertEvent
    public var component: String?
    public var incident: Int64?
    public var severity: Severity
    /// Names of channels; empty means every channel that wants the event.
    public var channels: [String]
    public var text: String
    public var at: WallTime
    /// What a `resolved` ends where that is no incident: only channels that want both hear of it.
    public var resolves: AlertEvent?

    public init(
        event: AlertEvent, component: String?, incident: Int64?, severity: Severity, channels: [String], text: String,
        at: WallTime, resolves: AlertEvent? = nil
    ) {
        self.event = event
        self.component = component
        self.incident = incident
        self.severity = severity
        self.channels = channels
        self.text = text
        self.at = at
        self.resolves = resolves
    }
}
