import Policy
import RecoveryEngine
import ResilienceCore

/// What the control socket may ask of the running supervisor.
public protocol SupervisorControl: Sendable {
    /// What happens, as it is written down.
    var events: EventFeed { get }
    func status() async -> SupervisorStatus
    func figures() async -> SupervisorFigures
    /// Reads the policies again; all or nothing.
    func reload(by operatorName: String) async -> ReloadReport
    /// - Throws: `ControlError`.
    func pause(component: String?, for duration: Duration, by operatorName: String, reason: String) async throws
    /// - Throws: `ControlError`.
    func resume(component: String?, by operatorName: String) async throws
    /// Ends a latch.
    ///
    /// - Throws: `ControlError`.
    func acknowledge(component: String, by operatorName: String) async throws
    /// Lets a step begin that waits for an operator (`mode: approve`), or has it skipped.
    ///
    /// - Parameter target: the number that it waits under, or the name of its component.
    /// - Throws: `ControlError`.
    func answerApproval(
        of target: String, approves: Bool, by operatorName: String, reason: String?
    ) async throws -> AnsweredApproval
    /// Lets a component's own unit take its place again, which a standby has taken. Returns when it has begun.
    ///
    /// - Throws: `ControlError`; `refused` where it cannot be done just now.
    func failBack(component: String, by operatorName: String) async throws
    /// Puts a fault into a component that is well. Returns when that is on record and on its way; what follows is in the
    /// status.
    ///
    /// - Parameter isDryRun: only say whether it may be done.
    /// - Throws: `ControlError`; `drillRefused` where anything speaks against it.
    func drill(
        component: String, fault: DrillFault, by operatorName: String, reason: String?, isDryRun: Bool
    ) async throws -> DrillAnswer
    /// Runs all checks of a component now and waits for their results.
    ///
    /// - Throws: `ControlError`.
    func checkNow(component: String) async throws -> [CheckStatus]
    /// The main process of the component's unit; `nil` where it has none that runs.
    ///
    /// - Throws: `ControlError`.
    func mainProcess(of component: String) async throws -> Int32?
    /// Takes in that a component's program works.
    ///
    /// - Parameter check: one of its heartbeat checks; `nil` for all of them.
    /// - Throws: `ControlError`.
    func beat(component: String, check: String?) async throws
}

/// Why the supervisor refuses an operator's request.
public enum ControlError: Error, Hashable, Sendable {
    case noSuchComponent(String, known: [String])
    /// Nothing waits for an operator by this name or number; what does.
    case noSuchApproval(String, waiting: [String])
    case invalid(String)
    /// Understood, and not done, as things stand.
    case refused(what: String, why: String)
    /// A drill is not safe now.
    case drillRefused(DrillPlan)
}

/// A step that was waiting for an operator.
public struct AnsweredApproval: Hashable, Sendable, Codable {
    public var id: Int64
    public var component: String
    public var action: String
    public var attempt: Int
    public init(id: Int64, component: String, action: String, attempt: Int) {
        self.id = id
        self.component = component
        self.action = action
        self.attempt = attempt
    }
}

/// What a reload came to.
public struct ReloadReport: Hashable, Sendable, Codable {
    public var applied: Bool
    public var generation: Int
    /// Located diagnostics, one per line, where it was refused.
    public var errors: [String]
    public init(applied: Bool, generation: Int, errors: [String]) {
        self.applied = applied
        self.generation = generation
        self.errors = errors
    }
}

/// `healctl status --json`: stable.
public struct SupervisorStatus: Hashable, Sendable, Codable {
    public struct PolicyStatus: Hashable, Sendable, Codable {
        public var generation: Int
        /// RFC 3339, UTC, microseconds.
        public var loadedAt: String
        /// Why the policy on disk is not the one that runs; `nil` (JSON null) where it is.
        public var error: String?
        /// What heald's environment put in the place of the policy's defaults, by variable; `nil` where nothing.
        public var overrides: [String: String]?
        public init(generation: Int, loadedAt: String, error: String?, overrides: [String: String]? = nil) {
            self.generation = generation
            self.loadedAt = loadedAt
            self.error = error
            self.overrides = overrides
        }
    }

    /// `running`, `paused`, `frozen`, `disconnected` (the connectivity gate fails), `unrecorded` (the audit trail cannot
    /// be written), `blind` (no bus).
    public var state: String
    /// Why, where the state is not `running`.
    public var reason: String?
    public var version: String
    public var startedAt: String
    public var policy: PolicyStatus
    public var components: [ComponentStatus]
    /// `nil` where the policy declares no levels of degradation.
    public var degradation: DegradationStatus?
    /// The last drill, under way or over; `nil`: there was none.
    public var drill: DrillStatus?

    public init(
        state: String, reason: String?, version: String, startedAt: String, policy: PolicyStatus,
        components: [ComponentStatus], degradation: DegradationStatus? = nil, drill: DrillStatus? = nil
    ) {
        self.state = state
        self.reason = reason
        self.version = version
        self.startedAt = startedAt
        self.policy = policy
        self.components = components
        self.degradation = degradation
        self.drill = drill
    }
}

public struct ComponentStatus: Hashable, Sendable, Codable {
    public var name: String
    public var verdict: Verdict
    /// `starting`, `healthy`, `suspect`, `failing`, `approval`, `recovering`, `verifying`, `exhausted`, `isolated`,
    /// `latched`, `suppressed`, `paused`, `stopped`.
    public var state: String
    /// One line on why it is in that state: `waits for db`, `breaker open until 12:00:07`.
    public var detail: String?
    public var since: String
    public var unit: String?
    public var checks: [CheckStatus]
    public var openIncident: Int64?

    public init(
        name: String, verdict: Verdict, state: String, detail: String?, since: String, unit: String?,
        checks: [CheckStatus], openIncident: Int64?
    ) {
        self.name = name
        self.verdict = verdict
        self.state = state
        self.detail = detail
        self.since = since
        self.unit = unit
        self.checks = checks
        self.openIncident = openIncident
    }
}

public struct CheckStatus: Hashable, Sendable, Codable {
    public var name: String
    public var type: String
    public var verdict: Verdict
    /// What the last failure was; `nil` where it passes.
    public var message: String?
    /// When the last result came; `nil` where none has.
    public var lastAt: String?
    /// How long the last run took, in seconds.
    public var seconds: Double?

    public init(name: String, type: String, verdict: Verdict, message: String?, lastAt: String?, seconds: Double?) {
        self.name = name
        self.type = type
        self.verdict = verdict
        self.message = message
        self.lastAt = lastAt
        self.seconds = seconds
    }
}

// What is not known is `null`, never an absent key: readers of the stable JSON may rely on every key.

extension SupervisorStatus.PolicyStatus {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.generation, forKey: .generation)
        try container.encode(self.loadedAt, forKey: .loadedAt)
        try container.encode(self.error, forKey: .error)
        try container.encodeIfPresent(self.overrides, forKey: .overrides)
    }
}

extension SupervisorStatus {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.state, forKey: .state)
        try container.encode(self.reason, forKey: .reason)
        try container.encode(self.version, forKey: .version)
        try container.encode(self.startedAt, forKey: .startedAt)
        try container.encode(self.policy, forKey: .policy)
        try container.encode(self.components, forKey: .components)
        try container.encode(self.degradation, forKey: .degradation)
        try container.encode(self.drill, forKey: .drill)
    }
}

extension ComponentStatus {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.name, forKey: .name)
        try container.encode(self.verdict, forKey: .verdict)
        try container.encode(self.state, forKey: .state)
        try container.encode(self.detail, forKey: .detail)
        try container.encode(self.since, forKey: .since)
        try container.encode(self.unit, forKey: .unit)
        try container.encode(self.checks, forKey: .checks)
        try container.encode(self.openIncident, forKey: .openIncident)
    }
}

extension CheckStatus {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.name, forKey: .name)
        try container.encode(self.type, forKey: .type)
        try container.encode(self.verdict, forKey: .verdict)
        try container.encode(self.message, forKey: .message)
        try container.encode(self.lastAt, forKey: .lastAt)
        try container.encode(self.seconds, forKey: .seconds)
    }
}
