import ResilienceCore

/// A check on its way: what is `nil` follows from the rest.
struct CheckDraft: Sendable {
    var interval: Duration = .seconds(10)
    var timeout: Duration?
    var fall: Int?
    var rise: Int?
    var window: FailureWindow?
    var fastInterval: Duration?
    var jitter = 0.1
    var severity: Severity = .high
    var enabled = true
}

/// The language of checks. A new type of check is a case of `CheckKind`, a file beside this one and a line in `variants`.
enum CheckLanguage {
    static let variants: [Variant<CheckKind>] = [
        UnitCheck.variant, HTTPCheck.variant, TCPCheck.variant, ExecCheck.variant, UnixCheck.variant, FileCheck.variant,
        DiskCheck.variant, ResourcesCheck.variant, CertificateCheck.variant, JournalCheck.variant,
        HeartbeatCheck.variant, CompositeCheck.variant,
    ]

    static let intervals = Duration.milliseconds(50)...Duration.seconds(86_400)

    static let common = ObjectSpec(
        "check-common", title: "a check", initial: CheckDraft(),
        [
            Key("interval", \.interval, .duration(intervals), "How often it runs. Each check has a clock of its own."),
            Key(
                "timeout", optional: \.timeout, .duration(.milliseconds(10)...(.seconds(3600))),
                default: "3s, or four fifths of a shorter interval",
                "A run that takes longer has failed with `timeout`. Not longer than `interval`."),
            Key(
                "fall", optional: \.fall, .wholeNumber(1...100), default: "3; a unit or composite check 1",
                "Consecutive failures that make it down."),
            Key(
                "rise", optional: \.rise, .wholeNumber(1...100), default: "2; a unit or composite check 1",
                "Consecutive passes that make it up."),
            Key("window", optional: \.window, .object(window), "A second way down. Not for unit checks."),
            Key(
                "fastInterval", optional: \.fastInterval, .duration(intervals),
                default: "a fifth of the interval, at least 250ms", "The interval while in doubt."),
            Key("jitter", \.jitter, .share(0...0.5), "By how much each wait may differ, both ways."),
            Key("severity", \.severity, .choice(), "How bad its failure is."),
            Key("enabled", \.enabled, .boolean, "A disabled check never runs and never counts."),
        ])

    static let spec = TaggedSpec(
        "check", tag: "type", tagSummary: "What the check does.", common: common, variants: variants,
        unavailable: [])

    private static let window = ObjectSpec(
        "window", title: "a window", initial: FailureWindow(failures: 0, of: 0),
        [
            Key("failures", \.failures, .wholeNumber(1...100), required: true, "So many failures …"),
            Key("of", \.of, .wholeNumber(2...100), required: true, "… among the last so many results."),
        ])

    /// A check under a name, as a component has it.
    static func read(_ node: JSONNode, name: String, _ context: inout DecodingContext) -> Check? {
        var draft = context.defaults.check
        let problemsBefore = context.problems.count
        guard let kind = self.spec.read(node, into: &draft, &context), context.problems.count == problemsBefore else {
            return nil
        }
        self.report(node, kind: kind, draft: draft, &context)
        // What `defaults` says gives way to what the check itself says.
        let timeout =
            node["timeout"] == nil ? draft.timeout.map { min($0, draft.interval.scaled(by: 0.8)) } : draft.timeout
        let fast = node["fastInterval"] == nil ? draft.fastInterval.map { min($0, draft.interval) } : draft.fastInterval
        let hasPace = kind.hasPace
        return Check(
            name: name, kind: kind, interval: draft.interval, timeout: timeout, fall: hasPace ? draft.fall : nil,
            rise: hasPace ? draft.rise : nil, window: hasPace ? draft.window : nil, fastInterval: fast,
            jitter: draft.jitter, severity: draft.severity, enabled: draft.enabled)
    }

    /// What cannot work although each key by itself is well formed.
    private static func report(_ node: JSONNode, kind: CheckKind, draft: CheckDraft, _ context: inout DecodingContext) {
        self.reportTimes(node, draft: draft, &context)
        if kind.isUnit {
            for key in ["fall", "rise"] {
                if let value = node[key], value.wholeNumber != 1 {
                    context.report(
                        at: value.offset, .semantic,
                        "got \(value.shown); a unit check follows systemd's word, its \(key) is always 1")
                }
            }
            if let window = node["window"] {
                context.report(at: window.offset, .semantic, "a unit check follows systemd's word and has no window")
            }
        }
        if case .journal(let check) = kind, check.within < draft.interval {
            context.report(
                at: (node["within"] ?? node["interval"] ?? node).offset, .semantic,
                "it looks back \(check.within.policyText) every \(draft.interval.policyText): what is logged in between "
                    + "is never seen", severity: .warning)
        }
        if case .http(let check) = kind, let latency = check.expect.latency, let expect = node["expect"] {
            let timeout = draft.timeout ?? min(.seconds(3), draft.interval.scaled(by: 0.8))
            if latency >= timeout {
                context.report(
                    at: (expect["latency"] ?? expect).offset, .semantic,
                    "a response is given up after \(timeout.policyText), so that it can never be degraded by taking "
                        + "more than \(latency.policyText)", severity: .warning)
            }
        }
    }

    /// Also for `defaults.check`, where both may be given.
    static func reportTimes(_ node: JSONNode, draft: CheckDraft, _ context: inout DecodingContext) {
        if let value = node["timeout"], let timeout = draft.timeout, timeout > draft.interval {
            context.report(
                at: value.offset, .semantic,
                "the timeout \(timeout.policyText) is longer than the interval \(draft.interval.policyText)")
        }
        if let value = node["fastInterval"], let fast = draft.fastInterval, fast > draft.interval {
            context.report(
                at: value.offset, .semantic,
                "the fastInterval \(fast.policyText) is longer than the interval \(draft.interval.policyText)")
        }
        if let value = node["window"], let window = draft.window, window.failures > window.of {
            context.report(
                at: value.offset, .semantic,
                "\(window.failures) failures can never be among \(window.of) results")
        }
    }
}
