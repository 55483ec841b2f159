import Policy
import ResilienceCore

/// A composite check among the trackers of a component: where it and its enabled members stand.
struct Composition: Sendable {
    var position: Int
    var rule: CompositeCheck
    var members: [Int]

    /// The compositions of these checks, members before what is made of them. One that is its own member, which no
    /// checked policy has, is left out and so stays unknown.
    static func all(among checks: [Check]) -> [Composition] {
        var open: [Composition] = []
        for (position, check) in checks.enumerated() {
            guard check.enabled, case .composite(let rule) = check.kind else { continue }
            let members = checks.indices.filter { checks[$0].enabled && rule.members.contains(checks[$0].name) }
            open.append(Composition(position: position, rule: rule, members: members))
        }
        var ordered: [Composition] = []
        while true {
            let waiting = Set(open.map(\.position))
            let ready = open.filter { waiting.isDisjoint(with: $0.members) }
            if ready.isEmpty { return ordered }
            ordered += ready
            open.removeAll { waiting.isDisjoint(with: $0.members) }
        }
    }

    /// What the rule makes of its members: down only where it could not pass whatever the unknown ones turn out to be,
    /// unknown where they decide, degraded where it passes only by degraded ones.
    func verdict(of verdicts: [Verdict]) -> Verdict {
        guard !verdicts.isEmpty else { return .unknown }
        let needed = self.rule.needed(of: verdicts.count)
        let up = verdicts.count { $0 == .up }
        let passing = up + verdicts.count { $0 == .degraded }
        if verdicts.count - verdicts.count(where: { $0 == .down }) < needed { return .down }
        if passing < needed { return .unknown }
        return up >= needed ? .up : .degraded
    }
}

extension ComponentMachine {
    /// Brings the composite checks up to date with their members.
    mutating func combine(at now: Moment) {
        for composition in self.compositions {
            let members = composition.members.map { self.trackers[$0] }
            let verdict = composition.verdict(of: members.map(\.verdict))
            let needed = composition.rule.needed(of: members.count)
            // The rule passes since the last needed member does, and fails since the last one that it could do without.
            let passing = members.filter { $0.verdict == .up || $0.verdict == .degraded }.compactMap(\.passingSince)
            let failing = members.filter { $0.verdict == .down }.compactMap(\.failingSince)
            let isDown = verdict == .down
            self.trackers[composition.position].follow(
                verdict, failure: self.failure(of: composition, members, verdict),
                passingSince: passing.sorted().dropFirst(max(0, needed - 1)).first,
                failingSince: isDown ? failing.sorted().dropFirst(max(0, members.count - needed)).first : nil,
                isStale: members.contains { $0.verdict == verdict && $0.isStale && !$0.check.kind.isUnit }, at: now)
        }
    }

    /// Whether a check that was asked again and has failed says by that that the component is down: by itself, or
    /// together with what else has failed since then.
    func hasFailedAgain(_ position: Int, since: MonotonicInstant) -> Bool {
        guard self.trackers[position].isMember else { return true }
        var failed = Set(self.trackers.indices.filter { self.trackers[$0].isDown(since: since) })
        for composition in self.compositions {
            let left = composition.members.count { !failed.contains($0) }
            guard left < composition.rule.needed(of: composition.members.count) else { continue }
            failed.insert(composition.position)
            if self.trackers[composition.position].counts { return true }
        }
        return false
    }

    private func failure(of composition: Composition, _ members: [CheckTracker], _ verdict: Verdict) -> Failure? {
        guard verdict == .down || verdict == .degraded else { return nil }
        let culprits = members.filter { $0.verdict == verdict && $0.failure != nil }
        guard let worst = culprits.max(by: Self.isLessTelling), let failure = worst.failure else {
            return Failure(reason: .other, message: "its members failed without saying why")
        }
        let passing = members.count { $0.verdict == .up || $0.verdict == .degraded }
        let needed = composition.rule.needed(of: members.count)
        let reasons = culprits.map { "\($0.check.name): \($0.failure?.message ?? "")" }.joined(separator: "; ")
        let message = "\(passing) of \(members.count) pass, \(needed) must; \(reasons)"
        return Failure(reason: failure.reason, message: String(message.prefix(500)))
    }

    /// The checks that the present verdict comes from in the end: the worst one, or its members where it is a composite.
    var roots: [Int] {
        guard let culprit = self.culprit,
            let position = self.trackers.firstIndex(where: { $0.check.name == culprit.check.name })
        else { return [] }
        var positions: Set<Int> = [position]
        for composition in self.compositions.reversed() where positions.remove(composition.position) != nil {
            positions.formUnion(
                composition.members.filter {
                    self.trackers[$0].verdict == culprit.verdict && self.trackers[$0].failure != nil
                })
        }
        return positions.sorted()
    }

    /// The worst of them.
    var rootCulprit: CheckTracker? { self.roots.map { self.trackers[$0] }.max(by: Self.isLessTelling) }

    /// These checks, with composites replaced by their members.
    func withoutComposites(_ names: [String]) -> Set<String> {
        var found = Set(names)
        for composition in self.compositions.reversed() {
            guard found.remove(self.trackers[composition.position].check.name) != nil else { continue }
            for member in composition.members { found.insert(self.trackers[member].check.name) }
        }
        return found
    }
}

extension CheckTracker {
    /// A result that began after that moment says so; of the unit systemd's word always holds.
    fileprivate func isDown(since: MonotonicInstant) -> Bool {
        if self.check.kind.isUnit { return self.verdict == .down }
        guard let result = self.lastResult else { return false }
        return result.verdict == .down && result.startedAt >= since
    }
}
