import RecoveryEngine

// Drills in words for a person.

extension DrillFault {
    /// What was done: `killed`.
    var words: String {
        switch self {
        case .kill: "killed (SIGKILL)"
        case .hang: "stopped (SIGSTOP)"
        }
    }
}

extension DrillOutcome {
    var words: String {
        switch self {
        case .healed: "healed"
        case .notHealed: "not healed"
        case .notNoticed: "not noticed"
        case .notInjected: "not injected"
        case .interrupted: "interrupted"
        }
    }
}
