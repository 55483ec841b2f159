import Foundation
import RecoveryEngine
import Supervisor

/// POST /v1/drill: a fault goes into a component that is well, to see it healed.
struct DrillRequest: Decodable, Hashable {
    var component: String
    var fault: DrillFault
    var reason: String?
    /// Only ask whether it may be done.
    var isDryRun: Bool

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case component, fault, reason
        case isDryRun = "dryRun"
    }

    init(from decoder: any Decoder) throws {
        try refuseUnknownKeys(decoder, known: CodingKeys.allCases.map(\.rawValue))
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.component = try values.decode(String.self, forKey: .component)
        let text = try values.decodeIfPresent(String.self, forKey: .fault) ?? DrillFault.kill.rawValue
        guard let fault = DrillFault(rawValue: text) else {
            throw ControlRefusal.badBody(
                "`fault` is \"\(TextSanitizer.sanitize(text, limit: 64, newlines: .escape))\".",
                fix: "It is one of \(DrillFault.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")).")
        }
        self.fault = fault
        self.reason = try values.decodeIfPresent(String.self, forKey: .reason)
            .map { TextSanitizer.sanitize($0, limit: PauseRequest.reasonLimit, newlines: .escape) }
        guard let isDryRun = try? values.decodeIfPresent(Bool.self, forKey: .isDryRun) ?? false else {
            throw ControlRefusal.badBody("`dryRun` is neither true nor false.", fix: "Send true or false, unquoted.")
        }
        self.isDryRun = isDryRun
    }
}

extension ControlResponder {
    func drill(_ body: [UInt8], by name: String) async throws -> ControlAnswer {
        let request = try DrillRequest.read(from: body)
        return try ControlAnswer(
            try await self.bounded(self.limits.change) { [control] in
                try await control.drill(
                    component: request.component, fault: request.fault, by: name, reason: request.reason,
                    isDryRun: request.isDryRun)
            })
    }
}

extension ControlRefusal {
    static func drillRefused(_ plan: DrillPlan) -> Self {
        var refusal = Self.refused(
            "The drill of \(plan.component) was not begun.", why: plan.obstacles.map(\.text).joined(separator: "; "))
        refusal.obstacles = plan.obstacles
        return refusal
    }
}
