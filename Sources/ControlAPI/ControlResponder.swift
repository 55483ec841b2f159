import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTPTypes
import RecoveryEngine
import Supervisor

/// What a request comes with.
struct ControlContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        self.coreContext = CoreRequestContextStorage(source: source)
        self.channel = source.channel
    }
}

/// The routes: one closed table, so that no name that a client makes up can reach anything else.
struct ControlResponder: HTTPResponder {
    typealias Context = ControlContext

    let control: any SupervisorControl
    let statusReader: StatusReader
    let streams: OpenStreams
    let metricsReader: Recent<[UInt8]>
    let limits: ControlLimits
    let deadlines: Deadlines
    let operatorGroup: String
    let version: String
    let accounts: Accounts
    /// The TCP listener that requests come in by; `nil` for the Unix-domain socket.
    let http: HTTPListener?
    let logger: Logger

    enum Route: Hashable {
        case status, version, health, degradation, events, metrics, reload, pause, resume, approve, deny, acknowledge,
            failback, drill
        case check(String)
        case beat(component: String, check: String?)

        init?(path: String) {
            switch path {
            case "/v1/status": self = .status
            case "/v1/version": self = .version
            case "/v1/healthz": self = .health
            case "/v1/degradation": self = .degradation
            case "/v1/events": self = .events
            case "/metrics": self = .metrics
            case "/v1/reload": self = .reload
            case "/v1/pause": self = .pause
            case "/v1/resume": self = .resume
            case "/v1/approve": self = .approve
            case "/v1/deny": self = .deny
            case "/v1/ack": self = .acknowledge
            case "/v1/failback": self = .failback
            case "/v1/drill": self = .drill
            default:
                let parts = path.split(separator: "/", omittingEmptySubsequences: false)
                // A name needs no percent-encoding, so nothing is decoded.
                guard parts.count >= 4, parts[0].isEmpty, parts[1] == "v1", parts[3...].allSatisfy(Self.isName) else {
                    return nil
                }
                switch (parts[2], parts.count) {
                case ("check", 4): self = .check(String(parts[3]))
                case ("beat", 4): self = .beat(component: String(parts[3]), check: nil)
                case ("beat", 5): self = .beat(component: String(parts[3]), check: String(parts[4]))
                default: return nil
                }
            }
        }

        /// `[a-z0-9][a-z0-9._-]{0,62}`, as policies name components and checks.
        private static func isName(_ text: Substring) -> Bool {
            (1...63).contains(text.utf8.count)
                && text.utf8.enumerated().allSatisfy { index, byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                    case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): index > 0
                    default: false
                    }
                }
        }

        var isChange: Bool {
            switch self {
            case .status, .version, .health, .degradation, .events, .metrics: false
            case .reload, .pause, .resume, .approve, .deny, .acknowledge, .failback, .drill, .check, .beat: true
            }
        }

        var name: String {
            switch self {
            case .status: "status"
            case .version: "version"
            case .health: "healthz"
            case .degradation: "degradation"
            case .events: "events"
            case .metrics: "metrics"
            case .reload: "reload"
            case .pause: "pause"
            case .resume: "resume"
            case .approve: "approve"
            case .deny: "deny"
            case .acknowledge: "ack"
            case .failback: "failback"
            case .drill: "drill"
            case .check: "check"
            case .beat: "beat"
            }
        }
    }

    func respond(to request: Request, context: ControlContext) async throws -> Response {
        do {
            return try await self.answer(request, context)
        } catch let refusal as ControlRefusal {
            return refusal.answer.response
        } catch is CancellationError {
            throw CancellationError()
        } catch is NIOTooManyBytesError {
            return ControlRefusal.tooLarge(limit: self.limits.bodyBytes).answer.response
        } catch ControlError.noSuchComponent(let name, let known) {
            return ControlRefusal.noSuchComponent(name, known: known).answer.response
        } catch ControlError.noSuchApproval(let target, let waiting) {
            return ControlRefusal.noSuchApproval(target, waiting: waiting).answer.response
        } catch ControlError.invalid(let why) {
            return ControlRefusal.invalid(why).answer.response
        } catch ControlError.refused(let what, let why) {
            return ControlRefusal.refused(what, why: why).answer.response
        } catch ControlError.drillRefused(let plan) {
            return ControlRefusal.drillRefused(plan).answer.response
        }
    }

    private func answer(_ request: Request, _ context: ControlContext) async throws -> Response {
        let caller = try await self.caller(of: context.channel)
        if let http = self.http {
            let port = context.channel.localAddress?.port ?? http.port
            guard http.answers(to: request.head.authority, boundPort: port) else { throw ControlRefusal.wrongHost() }
        }
        guard let route = Route(path: request.uri.path) else { throw ControlRefusal.noSuchRoute() }
        let allowed: HTTPRequest.Method = route.isChange ? .post : .get
        guard request.method == allowed else { throw ControlRefusal.wrongMethod(allow: allowed.rawValue) }
        if case .beat(let component, let check) = route {
            return try await self.takeHeartbeat(component: component, check: check, caller).response
        }
        if route == .events {
            return try await self.stream(request, context, caller)
        }
        if route.isChange {
            return try await self.change(route, request, caller).response
        }
        return try await self.read(route, caller).response
    }

    private func read(_ route: Route, _ caller: Caller) async throws -> ControlAnswer {
        switch route {
        case .version: return try ControlAnswer(["version": self.version])
        case .health: return try await self.health()
        case .metrics: return try await self.metrics()
        case .degradation:
            let reading = try await self.reading(for: caller)
            return try ControlAnswer(reading.status.degradation ?? DegradationStatus(level: .normal))
        case .status, .events, .reload, .pause, .resume, .approve, .deny, .acknowledge, .failback, .drill, .check,
            .beat:
            return ControlAnswer(body: try await self.reading(for: caller).body)
        }
    }

    func reading(for caller: Caller) async throws -> StatusReader.Reading {
        try await self.bounded(self.limits.status) { [statusReader] in
            caller.mayChange ? try await statusReader.fresh() : try await statusReader.recent()
        }
    }

    /// 200 while the decision loop answers and can do its work, or holds back on purpose; 503 where it cannot.
    private func health() async throws -> ControlAnswer {
        struct Health: Encodable {
            var status: String
            var state: String?
        }
        do {
            let reading = try await self.deadlines.within(self.limits.status) { [statusReader] in
                try await statusReader.recent()
            }
            let state = reading.status.state
            let works = state != "unrecorded" && state != "blind"
            return try ControlAnswer(
                status: works ? .ok : .serviceUnavailable, Health(status: works ? "ok" : "impaired", state: state))
        } catch is DeadlinePassed {
            return try ControlAnswer(status: .serviceUnavailable, Health(status: "stalled", state: nil))
        }
    }

    private func change(_ route: Route, _ request: Request, _ caller: Caller) async throws -> ControlAnswer {
        let peer = try self.requireOperator(caller, route)
        if let length = request.headers[.contentLength].flatMap(Int.init), length > self.limits.bodyBytes {
            throw ControlRefusal.tooLarge(limit: self.limits.bodyBytes)
        }
        let body = [UInt8](buffer: try await request.body.collect(upTo: self.limits.bodyBytes))
        let name = self.accounts.userName(of: peer.user)
        self.logger.info(
            "An operator asked for a change",
            metadata: ["route": "\(route.name)", "uid": "\(peer.user)", "pid": "\(peer.processID)"])
        switch route {
        case .reload:
            let report = try await self.bounded(self.limits.change) { [control] in await control.reload(by: name) }
            return try ControlAnswer(status: report.applied ? .ok : .unprocessableContent, report)
        case .pause:
            let pause = try PauseRequest.read(from: body)
            try await self.bounded(self.limits.change) { [control] in
                try await control.pause(
                    component: pause.component, for: pause.duration, by: name, reason: pause.reason)
            }
            return try ControlAnswer(["ok": true])
        case .resume:
            let resume = body.isEmpty ? ResumeRequest(component: nil) : try ResumeRequest.read(from: body)
            try await self.bounded(self.limits.change) { [control] in
                try await control.resume(component: resume.component, by: name)
            }
            return try ControlAnswer(["ok": true])
        case .approve, .deny:
            let answer = try ApprovalRequest.read(from: body)
            let answered = try await self.bounded(self.limits.change) { [control] in
                try await control.answerApproval(
                    of: answer.target, approves: route == .approve, by: name, reason: answer.reason)
            }
            return try ControlAnswer(answered)
        case .acknowledge:
            let request = try ComponentRequest.read(from: body)
            try await self.bounded(self.limits.change) { [control] in
                try await control.acknowledge(component: request.component, by: name)
            }
            return try ControlAnswer(["ok": true])
        case .failback:
            let request = try ComponentRequest.read(from: body)
            try await self.bounded(self.limits.change) { [control] in
                try await control.failBack(component: request.component, by: name)
            }
            return try ControlAnswer(["ok": true])
        case .drill: return try await self.drill(body, by: name)
        case .check(let component):
            let checks = try await self.bounded(self.limits.check) { [control] in
                try await control.checkNow(component: component)
            }
            return try ControlAnswer(["checks": checks])
        case .status, .version, .health, .degradation, .events, .metrics, .beat:
            throw ControlRefusal.noSuchRoute()
        }
    }

    private func requireOperator(_ caller: Caller, _ route: Route) throws -> Peer {
        switch caller {
        case .operating(let peer): return peer
        case .remote: throw ControlRefusal.readOnly()
        case .reading(let peer):
            self.logger.notice(
                "A change was refused to somebody who is no operator",
                metadata: ["route": "\(route.name)", "uid": "\(peer.user)", "pid": "\(peer.processID)"])
            throw ControlRefusal.notPermitted(user: self.accounts.userName(of: peer.user), group: self.operatorGroup)
        }
    }

    func bounded<Value: Sendable>(
        _ limit: Duration, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        do { return try await self.deadlines.within(limit, work) } catch is DeadlinePassed {
            throw ControlRefusal.tooSlow(limit)
        }
    }

    /// Who the connection's guard found at its other end.
    private func caller(of channel: any Channel) async throws -> Caller {
        let caller = try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: ConnectionGuard.self).caller
        }.get()
        // The connection was closed meanwhile: nobody is there to be answered.
        guard let caller else { throw CancellationError() }
        return caller
    }
}
