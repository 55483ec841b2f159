extension AuditRecord.Body {
    /// The name of the case, as in the table and in the JSON.
    public var kind: String {
        switch self {
        case .supervisorStarted: "supervisorStarted"
        case .supervisorStopped: "supervisorStopped"
        case .policyLoaded: "policyLoaded"
        case .policyRejected: "policyRejected"
        case .incidentOpened: "incidentOpened"
        case .incidentCorrected: "incidentCorrected"
        case .incidentSuppressed: "incidentSuppressed"
        case .incidentExhausted: "incidentExhausted"
        case .incidentRearmed: "incidentRearmed"
        case .incidentResolved: "incidentResolved"
        case .actionIntended: "actionIntended"
        case .actionFinished: "actionFinished"
        case .actionSkipped: "actionSkipped"
        case .approvalAsked: "approvalAsked"
        case .approvalDecided: "approvalDecided"
        case .verification: "verification"
        case .note: "note"
        case .evidence: "evidence"
        case .breakerChanged: "breakerChanged"
        case .latchChanged: "latchChanged"
        case .degradationChanged: "degradationChanged"
        case .freezeChanged: "freezeChanged"
        case .groupFreezeChanged: "groupFreezeChanged"
        case .paused: "paused"
        case .resumed: "resumed"
        case .timeCounts: "timeCounts"
        case .drillBegun: "drillBegun"
        case .drillCaused: "drillCaused"
        case .drillEnded: "drillEnded"
        case .pruned: "pruned"
        }
    }
}
