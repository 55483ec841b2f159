import Glibc
import RecoveryEngine
import ResilienceCore
import Synchronization
import Systemd
import Testing

extension LiveSystemd {
    /// systemd and the bus go away in the middle of things.
    @Suite struct Upheaval {
        private static func isUnknown(_ event: Event) -> Bool {
            if case .unitsUnknown = event { true } else { false }
        }

        @Test(arguments: ["daemon-reload", "daemon-reexec"])
        func `restarts in a storm are each done at most once, and none hangs`(command: String) async throws {
            let unit = "storm-\(command).service"
            await Bench.install(unit, run: "exec sleep 1000")
            let bench = try Bench()
            _ = try await bench.watchRunning(unit)
            async let storm: Void = {
                for _ in 0..<15 { await shell("systemctl", command) }
            }()
            var done = 0
            var others: [ActionOutcome] = []
            for _ in 0..<30 {
                let current = try await bench.events.settled(unit)
                let outcome = await bench.manager.restart(
                    unit, expectedInvocationID: current.invocationID, timeout: .seconds(15))
                switch outcome.result {
                case .succeeded: done += 1
                // What was known was overtaken, or the call never got there.
                case .refused, .interrupted: others.append(outcome)
                case .failed, .timedOut, .skipped: Issue.record("\(outcome)")
                }
            }
            await storm
            #expect(done >= 10)
            // One whose outcome is not known may have been done; none is ever done twice.
            let doubtful = others.count { $0.result == .interrupted }
            #expect((1 + done...1 + done + doubtful).contains(Bench.starts(unit)), "\(others)")
            let last = try await bench.events.settled(unit)
            #expect(last.invocationID == (await property("InvocationID", of: unit)))
            #expect(!last.stoppedByOther)
            await shell("systemctl", "stop", unit)
        }

        @Test func `a death during daemon-reexec is told of when systemd is back`() async throws {
            let unit = "reexec.service"
            await Bench.install(unit)
            let bench = try Bench()
            for _ in 0..<5 {
                let running = try await bench.events.startedAgain(unit, bench)
                let mark = bench.events.count
                async let reexec = shell("systemctl", "daemon-reexec")
                kill(running.mainPID, SIGKILL)
                _ = await reexec
                let death = try await bench.events.observation(of: unit, from: mark) { $0.activeState == .failed }
                #expect(death.result == "signal" && death.exit?.status == SIGKILL && !death.stoppedByOther)
                #expect(death.invocationID == running.invocationID)
                await shell("systemctl", "start", unit)
            }
            await shell("systemctl", "stop", unit)
        }

        @Test func `an operator's stop during daemon-reexec is not taken for a failure`() async throws {
            let unit = "quietly.service"
            await Bench.install(unit)
            let bench = try Bench()
            _ = try await bench.watchRunning(unit)
            let mark = bench.events.count
            await shell("bash", "-c", "systemctl stop --no-block \(unit); systemctl daemon-reexec")
            _ = try await bench.events.observation(of: unit, from: mark) {
                $0.activeState == .inactive && $0.job == nil
            }
            let downs = bench.events.observations(of: unit, from: mark).filter { $0.activeState == .inactive }
            #expect(downs.last?.stoppedByOther == true)
        }

        @Test func `a restarted dbus-daemon is reconnected to`() async throws {
            let unit = "overbus.service"
            await Bench.install(unit)
            let bench = try Bench(.address("unix:path=/run/dbus/system_bus_socket"))
            let running = try await bench.watchRunning(unit)
            let mark = bench.events.count
            await shell("systemctl", "restart", "dbus.service")
            try await bench.events.wait { $0.dropFirst(mark).contains(where: Self.isUnknown) }
            let again = try await bench.events.observation(of: unit, from: mark) { $0.mainPID == running.mainPID }
            #expect(again.activeState == .active)
            kill(running.mainPID, SIGKILL)
            let death = try await bench.events.observation(of: unit, from: mark) { $0.activeState == .failed }
            let outcome = await bench.manager.restart(
                unit, expectedInvocationID: death.invocationID, timeout: .seconds(10))
            #expect(outcome.result == .succeeded, "\(outcome.detail)")
            await shell("systemctl", "stop", unit)
        }

        @Test func `a bus that comes later is found`() async throws {
            let unit = "later.service"
            await Bench.install(unit)
            let path = "/tmp/later.bus"
            let bench = try Bench(.address("unix:path=\(path)"))
            let begin = ContinuousClock.now
            await bench.manager.watch([unit])
            #expect(ContinuousClock.now - begin < .seconds(1))
            try await bench.events.wait { $0.contains(where: Self.isUnknown) }
            #expect(bench.events.observations(of: unit).isEmpty)
            #expect(symlink("/run/dbus/system_bus_socket", path) == 0)
            let found = try await bench.events.observation(of: unit) { $0.mainPID > 0 }
            #expect(found.activeState == .active)
            #expect(bench.events.all.filter(Self.isUnknown).count == 1)
            await shell("systemctl", "stop", unit)
        }

        @Test func `a unit that is masked while watched is refused afterwards`() async throws {
            let unit = "hidden-later.service"
            await Bench.install(unit)
            let bench = try Bench()
            let running = try await bench.watchRunning(unit)
            await shell("systemctl", "stop", unit)
            await shell("rm", "/run/systemd/system/\(unit)")
            let mark = bench.events.count
            await shell("systemctl", "mask", "--runtime", unit)
            await shell("systemctl", "daemon-reload")
            let masked = try await bench.events.observation(of: unit, from: mark) { $0.loadState == "masked" }
            #expect(masked.activeState == .inactive)
            let outcome = await bench.manager.restart(
                unit, expectedInvocationID: running.invocationID, timeout: .seconds(5))
            #expect(outcome.result == .refused && outcome.detail.contains("masked"), "\(outcome.detail)")
        }
    }

    /// What became of restarts that an earlier run of the supervisor intended.
    @Suite struct Reconciling {
        private static func afterwards(_ unit: String, _ expected: String?) async throws -> ActionOutcome {
            // A new process knows nothing of before.
            let later = try Bench()
            return await later.manager.reconcileRestart(
                of: unit, expectedInvocationID: expected, timeout: .seconds(10))
        }

        @Test func `one that happened has succeeded`() async throws {
            let unit = "happened.service"
            await Bench.install(unit)
            let before = await property("InvocationID", of: unit)
            await shell("systemctl", "restart", unit)
            let outcome = try await Self.afterwards(unit, before)
            #expect(outcome.result == .succeeded, "\(outcome.detail)")
            #expect(Bench.starts(unit) == 2)
            await shell("systemctl", "stop", unit)
        }

        @Test func `one that did not happen is interrupted, and is not made up for`() async throws {
            let unit = "missed.service"
            await Bench.install(unit)
            let before = await property("InvocationID", of: unit)
            await Bench.kill(unit)
            let outcome = try await Self.afterwards(unit, before)
            #expect(outcome.result == .interrupted, "\(outcome.detail)")
            #expect(Bench.starts(unit) == 1)
            #expect(await property("ActiveState", of: unit) == "failed")
        }

        @Test func `one in flight is followed to its end`() async throws {
            let unit = "inflight.service"
            await Bench.install(unit, ["ExecStop=/bin/sleep 1"])
            let before = await property("InvocationID", of: unit)
            await shell("systemctl", "restart", "--no-block", unit)
            let begin = ContinuousClock.now
            let outcome = try await Self.afterwards(unit, before)
            #expect(outcome.result == .succeeded, "\(outcome.detail)")
            #expect(ContinuousClock.now - begin > .milliseconds(500))
            #expect(Bench.starts(unit) == 2)
            await shell("systemctl", "stop", unit)
        }

        @Test func `a unit that failed again after its start has failed`() async throws {
            let unit = "twice.service"
            await Bench.install(unit)
            let before = await property("InvocationID", of: unit)
            await shell("systemctl", "restart", unit)
            await Bench.kill(unit)
            let outcome = try await Self.afterwards(unit, before)
            #expect(outcome.result == .failed, "\(outcome.detail)")
        }

        @Test func `a unit that is gone leaves it open`() async throws {
            let outcome = try await Self.afterwards("vanished.service", "00112233445566778899aabbccddeeff")
            #expect(outcome.result != .succeeded, "\(outcome.detail)")
        }
    }
}

extension EventLog {
    /// The unit as it is known now, once that is a running one without a job.
    func settled(_ unit: String) async throws -> UnitObservation {
        let settled = Mutex<UnitObservation?>(nil)
        try await self.wait { events in
            guard let current = Self.current(unit, events), Self.isSettled(current) else { return false }
            settled.withLock { $0 = current }
            return true
        }
        return try #require(settled.withLock { $0 })
    }

    private static func isSettled(_ observation: UnitObservation) -> Bool {
        observation.activeState == .active && observation.job == nil && observation.mainPID > 0
            && observation.invocationID != nil
    }

    /// What an engine would believe: the last observation, unless nothing is known since.
    private static func current(_ unit: String, _ events: [Event]) -> UnitObservation? {
        events.reduce(nil) { known, event in
            switch event {
            case .unitsUnknown: nil
            case .unitObserved(unit, let observation): observation
            default: known
            }
        }
    }

    func startedAgain(_ unit: String, _ bench: Bench) async throws -> UnitObservation {
        if self.count == 0 { return try await bench.watchRunning(unit) }
        return try await self.settled(unit)
    }
}
