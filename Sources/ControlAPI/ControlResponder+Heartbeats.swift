import Hummingbird
import NIOCore
import Supervisor

/// POST /v1/beat/COMPONENT[/CHECK]: a program reports that it works.
extension ControlResponder {
    func takeHeartbeat(component: String, check: String?, _ caller: Caller) async throws -> ControlAnswer {
        try await self.bounded(self.limits.change) { [control] in
            switch caller {
            case .operating: break
            case .remote: throw ControlRefusal.readOnly()
            case .reading(let peer):
                // Programs report for themselves: as the user that the unit's main process runs as.
                let process = try await control.mainProcess(of: component)
                guard let process, ProcessOwner.user(of: process) == peer.user else {
                    throw ControlRefusal.notItsHeartbeat(
                        of: component, user: self.accounts.userName(of: peer.user), group: self.operatorGroup)
                }
            }
            try await control.beat(component: component, check: check)
        }
        return try ControlAnswer(["ok": true])
    }
}

extension ControlRefusal {
    static func notItsHeartbeat(of component: String, user: String, group: String) -> Self {
        Self(
            status: .forbidden, error: "This is not for you to report.",
            why: "You are \(user), neither root nor a member of the group \(group), nor the user that the main process "
                + "of \(component)'s unit runs as.",
            fix: "Report as that user, while the unit runs.")
    }
}
