import Policy
import ResilienceCore

/// How a failure looks to the steps of a ladder.
struct Symptom: Hashable, Sendable {
    /// The check that explains it.
    var check: Check
    var reason: FailureReason
    var verdict: Verdict
}

extension RecoveryEngine {
    /// Why a step is not for this failure; `nil` where it is.
    static func misfit(_ step: Step, _ symptom: Symptom, attempt: Int) -> String? {
        let when = step.when
        let category = symptom.reason.category
        if !(when.verdicts ?? [.down]).contains(symptom.verdict) {
            return "it is not for a component that is \(symptom.verdict.rawValue)"
        }
        if let checks = when.checks, !checks.contains(symptom.check.name) {
            return "its `when` names other checks than \(symptom.check.name)"
        }
        if let least = when.minSeverity, symptom.check.severity < least {
            return "its `when` asks for severity \(least.rawValue) or more; this is \(symptom.check.severity.rawValue)"
        }
        if let categories = when.categories, !categories.contains(category) {
            return "its `when` names other categories than \(category.rawValue)"
        }
        if let reasons = when.reasons, !reasons.contains(symptom.reason) {
            return "its `when` names other reasons than \(symptom.reason.rawValue)"
        }
        if when.categories == nil, when.reasons == nil, !step.strategy.traits.treats(category, attempt: attempt) {
            return "it does not help against \(category.rawValue) (\(symptom.reason.rawValue))"
        }
        return nil
    }
}
