import ResilienceCore
import Testing

/// One call, or some time, in the life of a breaker.
private enum Step {
    case pass, fail
    case failLow
    case slow(Int)
    case hang
    case wait(Int)
}

/// A setting, two values of it, and a life in which they make a difference.
private struct SettingCase {
    let setting: String
    let one: BreakerSettings
    let other: BreakerSettings
    let steps: [Step]

    /// The states after each step.
    func states(of settings: BreakerSettings) -> [BreakerStateKind] {
        var machine = CallBreakerMachine(settings: settings)
        var now = MonotonicInstant(nanoseconds: 0)
        return self.steps.map { step in
            if case .wait(let seconds) = step {
                now = now + .seconds(seconds)
            } else if let permit = machine.admit(at: { now }) {
                switch step {
                case .pass: machine.finish(permit, .success) { now }
                case .fail: machine.finish(permit, .failure(.high)) { now }
                case .failLow: machine.finish(permit, .failure(.low)) { now }
                case .slow(let seconds):
                    now = now + .seconds(seconds)
                    machine.finish(permit, .success) { now }
                case .hang, .wait: break
                }
            }
            return machine.state.kind
        }
    }
}

@Suite struct BreakerSettingsTests {
    private static func with(
        _ rule: BreakerRule = .consecutive(failures: 1), slow: SlowCalls? = nil, openFor: Int = 10,
        openGrowth: Double = 1, openMax: Int? = nil, halfOpen: HalfOpenPlan = .trials(1), hungAfter: Int = 60
    ) throws -> BreakerSettings {
        try BreakerSettings(
            rule: rule, slow: slow, openFor: .seconds(openFor), openGrowth: openGrowth,
            openMax: openMax.map { .seconds($0) }, halfOpen: halfOpen, hungAfter: .seconds(hungAfter))
    }

    private static func rules() throws -> [SettingCase] {
        func count(_ calls: Int, _ minimum: Int, _ share: Double) throws -> BreakerSettings {
            try self.with(.countWindow(calls: calls, minimum: minimum, failureShare: share))
        }
        func time(_ length: Int, _ minimum: Int, _ share: Double) throws -> BreakerSettings {
            try self.with(.timeWindow(length: .seconds(length), minimum: minimum, failureShare: share))
        }
        func severe(_ least: Severity, _ failures: Int, _ within: Int) throws -> BreakerSettings {
            try self.with(.severity(atLeast: least, failures: failures, within: .seconds(within)))
        }
        return [
            SettingCase(
                setting: "rule", one: try self.with(.consecutive(failures: 2)), other: try count(9, 3, 0.5),
                steps: [.fail, .pass, .fail]),
            SettingCase(
                setting: "consecutive.failures", one: try self.with(.consecutive(failures: 2)),
                other: try self.with(.consecutive(failures: 3)), steps: [.fail, .fail]),
            SettingCase(
                setting: "countWindow.calls", one: try count(2, 2, 1), other: try count(3, 2, 1),
                steps: [.pass, .fail, .fail]),
            SettingCase(
                setting: "countWindow.minimum", one: try count(9, 1, 1), other: try count(9, 2, 1), steps: [.fail]),
            SettingCase(
                setting: "countWindow.failureShare", one: try count(2, 2, 0.5), other: try count(2, 2, 0.6),
                steps: [.fail, .pass]),
            SettingCase(
                setting: "timeWindow.length", one: try time(10, 2, 1), other: try time(100, 2, 1),
                steps: [.fail, .wait(20), .fail]),
            SettingCase(
                setting: "timeWindow.minimum", one: try time(10, 1, 1), other: try time(10, 2, 1), steps: [.fail]),
            SettingCase(
                setting: "timeWindow.failureShare", one: try time(10, 2, 0.5), other: try time(10, 2, 0.6),
                steps: [.fail, .pass]),
            SettingCase(
                setting: "severity.atLeast", one: try severe(.low, 1, 60), other: try severe(.high, 1, 60),
                steps: [.failLow]),
            SettingCase(
                setting: "severity.failures", one: try severe(.high, 1, 60), other: try severe(.high, 2, 60),
                steps: [.fail]),
            SettingCase(
                setting: "severity.within", one: try severe(.high, 2, 10), other: try severe(.high, 2, 60),
                steps: [.fail, .wait(20), .fail]),
        ]
    }

    private static func times() throws -> [SettingCase] {
        func slow(_ longer: Int, _ share: Double) throws -> BreakerSettings {
            try self.with(
                .countWindow(calls: 2, minimum: 2, failureShare: 1),
                slow: SlowCalls(longerThan: .seconds(longer), share: share))
        }
        return [
            SettingCase(
                setting: "slow.longerThan", one: try slow(1, 1), other: try slow(5, 1), steps: [.slow(2), .slow(2)]),
            SettingCase(
                setting: "slow.share", one: try slow(1, 0.5), other: try slow(1, 1), steps: [.slow(2), .pass]),
            SettingCase(
                setting: "openFor", one: try self.with(openFor: 10), other: try self.with(openFor: 20),
                steps: [.fail, .wait(10), .pass]),
            SettingCase(
                setting: "openGrowth", one: try self.with(openMax: 90),
                other: try self.with(openGrowth: 2, openMax: 90),
                steps: [.fail, .wait(10), .fail, .wait(10), .pass]),
            SettingCase(
                setting: "openMax", one: try self.with(openGrowth: 3, openMax: 20),
                other: try self.with(openGrowth: 3, openMax: 30), steps: [.fail, .wait(10), .fail, .wait(20), .pass]),
            SettingCase(
                setting: "hungAfter", one: try self.with(hungAfter: 5), other: try self.with(hungAfter: 50),
                steps: [.fail, .wait(10), .hang, .wait(5), .pass]),
            SettingCase(
                setting: "halfOpen", one: try self.with(),
                other: try self.with(halfOpen: .ramp(percents: [50, 100], calls: 1)), steps: [.fail, .wait(10), .pass]),
            SettingCase(
                setting: "halfOpen.trials", one: try self.with(), other: try self.with(halfOpen: .trials(2)),
                steps: [.fail, .wait(10), .pass]),
            SettingCase(
                setting: "halfOpen.ramp.percents", one: try self.with(halfOpen: .ramp(percents: [50], calls: 2)),
                other: try self.with(halfOpen: .ramp(percents: [100], calls: 2)),
                steps: [.fail, .wait(10), .pass, .pass]),
            SettingCase(
                setting: "halfOpen.ramp.calls", one: try self.with(halfOpen: .ramp(percents: [100], calls: 1)),
                other: try self.with(halfOpen: .ramp(percents: [100], calls: 2)), steps: [.fail, .wait(10), .pass]),
        ]
    }

    @Test func `S1: each of its 21 settings decides something`() throws {
        let cases = try Self.rules() + Self.times()
        #expect(Set(cases.map(\.setting)).count == 21)
        for known in cases {
            let (one, other) = (known.states(of: known.one), known.states(of: known.other))
            #expect(one.dropLast() == other.dropLast(), "\(known.setting)")
            #expect(one.last != other.last, "\(known.setting)")
        }
    }
}
