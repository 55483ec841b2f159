import Foundation
import Policy
import RecoveryEngine
import ResilienceCore

/// How records and states are written: as JSON. What is hashed is the text as it stands in the database, so a later
/// encoder that writes it otherwise breaks nothing.
final class RecordCoder {
    private let decoder = JSONDecoder()

    func encode(_ value: some Encodable) throws -> String { try JSONTextEncoder.encode(value) }

    func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
        try self.decoder.decode(type, from: Data(text.utf8))
    }
}

extension AuditRecord.Body {
    /// The same with every text that can come from outside made safe and bounded.
    var cleaned: Self {
        switch self {
        case .incidentOpened(var opening):
            opening.cause.message = message(opening.cause.message)
            return .incidentOpened(opening)
        case .incidentCorrected(var cause, let failedAt):
            cause.message = message(cause.message)
            return .incidentCorrected(cause: cause, failedAt: failedAt)
        case .actionIntended(let id, let action, let attempt, let step, let unit, let why):
            return .actionIntended(id: id, action: action, attempt: attempt, step: step, unit: unit, why: detail(why))
        case .actionFinished(let id, var outcome):
            outcome.detail = detail(outcome.detail)
            return .actionFinished(id: id, outcome)
        case .actionSkipped(let id, let action, let attempt, let step, let why):
            return .actionSkipped(id: id, action: action, attempt: attempt, step: step, why: detail(why))
        case .approvalAsked(let id, let action, let attempt, let step, let until, let why):
            return .approvalAsked(id: id, action: action, attempt: attempt, step: step, until: until, why: detail(why))
        case .approvalDecided(let id, let decision, let name, let why):
            return .approvalDecided(id: id, decision, by: name.map(detail), why: why.map(detail))
        case .verification(let action, let succeeded, let text):
            return .verification(action: action, succeeded: succeeded, detail: detail(text))
        case .note(let text): return .note(detail(text))
        case .evidence(let kind, let text):
            return .evidence(kind: kind, text: PlainText.clean(text, .lastBytes(PlainText.evidenceBytes), lines: true))
        case .supervisorStopped(let reason): return .supervisorStopped(reason: detail(reason))
        case .policyRejected(let first, let errors):
            return .policyRejected(firstError: detail(first), errors: errors)
        case .breakerChanged(let from, let to, let why): return .breakerChanged(from: from, to: to, why: detail(why))
        case .latchChanged(let latched, let why): return .latchChanged(latched: latched, why: detail(why))
        case .degradationChanged(let from, let to, let why):
            return .degradationChanged(from: from, to: to, why: detail(why))
        case .freezeChanged(let frozen, let why): return .freezeChanged(frozen: frozen, why: detail(why))
        case .groupFreezeChanged(let group, let frozen, let why):
            return .groupFreezeChanged(group: group, frozen: frozen, why: detail(why))
        case .paused(let until, let name, let reason):
            return .paused(until: until, by: detail(name), reason: detail(reason))
        case .resumed(let name): return .resumed(by: detail(name))
        case .timeCounts(let counts, let why): return .timeCounts(counts, why: detail(why))
        case .drillBegun(var beginning):
            beginning.cause = beginning.cause.cleaned
            return .drillBegun(beginning)
        case .drillCaused(let cause): return .drillCaused(cause?.cleaned)
        case .drillEnded(let id, let outcome, let text): return .drillEnded(id: id, outcome, detail: detail(text))
        case .supervisorStarted, .policyLoaded, .incidentSuppressed, .incidentExhausted, .incidentRearmed,
            .incidentResolved, .pruned:
            return self
        }
    }
}

extension DrillCause {
    fileprivate var cleaned: Self {
        Self(id: self.id, fault: self.fault, by: detail(self.by), reason: self.reason.map(detail))
    }
}

private func message(_ text: String) -> String {
    PlainText.clean(text, .characters(PlainText.messageCharacters))
}

private func detail(_ text: String) -> String {
    PlainText.clean(text, .firstBytes(PlainText.detailBytes))
}
