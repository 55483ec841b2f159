import RecoveryEngine
import ResilienceCore

extension IncidentStory {
    /// One line of the timeline.
    struct Moment: Hashable {
        var at: WallTime
        var what: String
        var text: String
        var style: Style = .plain
        /// What it is, for programs.
        var kind: String
    }

    /// The timeline as a person reads it: time since the failure, on wide terminals the time of day, what, and why.
    func timeline(_ page: Page) -> [String] {
        let moments = self.moments(page.times)
        let offsets = moments.map { DurationText.offset($0.at - self.incident.failedAt) }
        let offsetWidth = offsets.reduce(0) { max($0, $1.count) }
        let whatWidth = moments.reduce(0) { max($0, displayWidth($1.what)) }
        let showsClock = page.terminal.width.map { $0 >= 100 } ?? true
        return zip(moments, offsets).flatMap { moment, offset -> [String] in
            let clock = showsClock ? page.times.clock(moment.at) + "  " : ""
            let padding = String(repeating: " ", count: offsetWidth - offset.count)
            let label = page.terminal.styled("\(clock)\(padding)\(offset)", .faint)
            let gap = String(repeating: " ", count: whatWidth - displayWidth(moment.what) + 2)
            let width = clock.count + offsetWidth + 2 + whatWidth + 2
            let room = page.terminal.width.map { max(20, $0 - 2 - width) }
            return (room.map { wrapped(moment.text, to: $0) } ?? [moment.text]).enumerated().map { index, line in
                index == 0
                    ? "  \(label)  \(page.terminal.styled(moment.what, moment.style))\(gap)\(line)".trimmingEnd
                    : String(repeating: " ", count: width + 2) + line
            }
        }
    }

    /// What happened, in the order of time.
    func moments(_ times: TimeText) -> [Moment] {
        var moments: [Moment] = []
        var actions: [Int64: (name: String, at: WallTime)] = [:]
        for record in self.records { moments += self.moments(of: record, &actions, times) }
        if let failed = moments.firstIndex(where: { $0.kind == "failed" }) {
            // Told by the best account there is.
            moments[failed].at = self.incident.failedAt
            moments[failed].text = printable(self.incident.cause.message)
        }
        // The failure comes first although it was recorded after its detection; equal times keep their order.
        return moments.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    }

    private func moments(
        of record: AuditRecord, _ actions: inout [Int64: (name: String, at: WallTime)], _ times: TimeText
    ) -> [Moment] {
        func one(_ what: String, _ text: String, _ style: Style = .plain, _ kind: String) -> [Moment] {
            [Moment(at: record.at, what: what, text: printable(text), style: style, kind: kind)]
        }
        switch record.body {
        case .incidentOpened(let opening): return Self.opening(opening)
        case .incidentCorrected: return []
        case .incidentSuppressed(let root?):
            return one("waiting", "waits for \(root), which is down", .faint, "suppressed")
        case .incidentSuppressed(nil): return one("waiting", "waits no longer", .plain, "unsuppressed")
        case .incidentExhausted(let rearmAt):
            return one(
                "exhausted", "every step was tried; the ladder may begin again at \(times.clock(rearmAt))", .bad,
                "exhausted")
        case .incidentRearmed: return one("again", "the ladder begins again", .plain, "rearmed")
        case .incidentResolved(let at, let healer):
            let since = DurationText.offset(at - self.incident.failedAt)
            return one("resolved", "up since \(since): \(healer.words)", .good, "resolved")
        case .actionIntended(let id, let action, let attempt, let step, let unit, let why):
            actions[id] = (printable(action), record.at)
            let target = unit.map { " of \($0)" } ?? ""
            return one(printable(action), "attempt \(attempt)\(target), step \(step + 1): \(why)", .plain, "intended")
        case .actionFinished(let id, let outcome):
            let action = actions[id]
            let time = action.map { " after \(DurationText.precise(record.at - $0.at))" } ?? ""
            return one(
                action?.name ?? "action \(id)", "\(outcome.result.words)\(time): \(outcome.detail)",
                outcome.result.style, "finished")
        case .actionSkipped(_, let action, _, let step, let why):
            return one(printable(action), "skipped, step \(step + 1): \(why)", .faint, "skipped")
        case .approvalAsked(let id, let action, let attempt, _, let until, let why):
            return one(
                "approval",
                "\(action), attempt \(attempt), waits for an operator until \(times.clock(until)), as \(id): \(why)",
                .doubtful, "approvalAsked")
        case .approvalDecided(let id, let decision, let by, let why):
            let who = by.map { " by \($0)" } ?? ""
            return one(
                decision.rawValue, "\(id)\(who)" + (why.map { ": \($0)" } ?? ""),
                decision == .approved ? .good : .plain, "approvalDecided")
        case .verification(let id, let succeeded, let detail):
            let name = actions[id].map { "\($0.name) " } ?? ""
            return succeeded
                ? one("verified", "\(name)helped: \(detail)", .good, "verified")
                : one("verified", "\(name)did not help: \(detail)", .bad, "notVerified")
        case .note(let text): return one("note", text, .plain, "note")
        case .evidence(let kind, let text):
            let lines = text.split(separator: "\n").count
            return one(
                "evidence", "kept, see below: \(kind.rawValue), \(lines) line\(lines == 1 ? "" : "s")", .faint,
                "evidence")
        case .breakerChanged(let from, let to, let why):
            return one("breaker", "\(from) → \(to): \(why)", to == "open" ? .doubtful : .plain, "breaker")
        case .latchChanged(let latched, let why):
            return one(latched ? "latched" : "released", why, latched ? .doubtful : .plain, "latch")
        case .degradationChanged(let from, let to, let why):
            return one(
                "level", "\(from.rawValue) → \(to.rawValue): \(why)", to > from ? .doubtful : .plain, "degradation")
        case .freezeChanged(let frozen, let why):
            return one(frozen ? "frozen" : "thawed", why, frozen ? .doubtful : .plain, "freeze")
        case .groupFreezeChanged(let group, let frozen, let why):
            return one(frozen ? "frozen" : "thawed", "group \(group): \(why)", frozen ? .doubtful : .plain, "freeze")
        case .paused(let until, let by, let reason):
            return one("paused", "until \(times.clock(until)) by \(by): \(reason)", .doubtful, "paused")
        case .resumed(let by): return one("resumed", "by \(by)", .plain, "resumed")
        case .timeCounts(let counts, let why):
            return one(
                "time", counts ? "counts again: \(why)" : "counts as neither up nor down: \(why)", .faint, "timeCounts")
        case .supervisorStarted(let version, let processID):
            return one("heald", "started, version \(version), process \(processID)", .doubtful, "supervisorStarted")
        case .supervisorStopped(let reason): return one("heald", "stopped: \(reason)", .doubtful, "supervisorStopped")
        case .policyLoaded(let generation, _):
            return one("policy", "generation \(generation) loaded", .plain, "policyLoaded")
        case .policyRejected(let error, _): return one("policy", "refused: \(error)", .doubtful, "policyRejected")
        case .drillBegun(let beginning):
            return one(
                "drill", "\(beginning.cause.fault.words) \(beginning.unit), by \(beginning.cause.text)", .plain, "drill"
            )
        case .drillCaused(let cause?):
            return one("drill", "\(cause.id): \(cause.fault.words) on purpose, by \(cause.text)", .plain, "drill")
        case .drillCaused(nil): return one("drill", "it was no drill that brought it about", .plain, "noDrill")
        case .drillEnded(let id, let outcome, let detail):
            return one(
                "drill", "\(id) \(outcome.words): \(detail)", outcome == .healed ? .good : .doubtful, "drillEnded")
        case .pruned: return one("audit", "older records were removed by retention", .faint, "pruned")
        }
    }

    private static func opening(_ opening: IncidentOpening) -> [Moment] {
        let cause = opening.cause
        return [
            Moment(
                at: opening.failedAt, what: "failed", text: printable(cause.message), style: .bad, kind: "failed"),
            Moment(
                at: opening.detectedAt, what: "detected",
                text: printable(
                    "by check \(cause.check), as \(cause.reason.rawValue) (\(cause.category.rawValue))"
                        + (opening.rootCause.map { "; \($0), which it needs, is down" } ?? "")),
                kind: "detected"),
        ]
    }

    /// `healctl incidents show --json`: the incident with its timeline and evidence.
    public func json(times: TimeText) -> JSONValue {
        guard case .object(var members) = self.incident.json else { return .null }
        members.append(
            (
                "timeline",
                .array(
                    self.moments(times).map { moment in
                        .object([
                            ("at", .string(moment.at.rfc3339)),
                            ("offsetSeconds", .number((moment.at - self.incident.failedAt).inSeconds)),
                            ("kind", .string(moment.kind)),
                            ("what", .string(moment.what)),
                            ("text", .string(moment.text)),
                        ])
                    })
            ))
        let evidence = self.records.compactMap { record -> JSONValue? in
            guard case .evidence(let kind, let text) = record.body else { return nil }
            return .object([
                ("kind", .string(kind.rawValue)), ("at", .string(record.at.rfc3339)), ("text", .string(text)),
            ])
        }
        members.append(("evidence", .array(evidence)))
        return .object(members)
    }
}

extension String {
    /// Without spaces at its end.
    fileprivate var trimmingEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
