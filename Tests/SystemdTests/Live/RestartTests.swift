import Glibc
import RecoveryEngine
import ResilienceCore
import Systemd
import Testing

extension LiveSystemd {
    @Suite struct Restarting {
        @Test func `a running unit is restarted, and the job is known as ours`() async throws {
            let unit = "again.service"
            await Bench.install(unit)
            let bench = try Bench()
            let before = try await bench.watchRunning(unit)
            let mark = bench.events.count
            let outcome = await bench.manager.restart(
                unit, expectedInvocationID: before.invocationID, timeout: .seconds(10))
            #expect(outcome.result == .succeeded)
            #expect(
                outcome.detail.hasPrefix("job ") && outcome.detail.contains("active (running)"), "\(outcome.detail)")
            let after = try await bench.events.observation(of: unit, from: mark) {
                $0.activeState == .active && $0.job == nil && $0.invocationID != before.invocationID
            }
            #expect(!after.startedByOther && !after.stoppedByOther)
            let seen = bench.events.observations(of: unit, from: mark)
            #expect(seen.contains { $0.job?.isOurs == true })
            #expect(seen.allSatisfy { $0.job?.isOurs != false && !$0.stoppedByOther })
            await shell("systemctl", "stop", unit)
        }

        @Test func `a changed invocation is refused, and nothing is touched`() async throws {
            let unit = "moved.service"
            await Bench.install(unit)
            let bench = try Bench()
            let old = try await bench.watchRunning(unit)
            let mark = bench.events.count
            await shell("systemctl", "restart", unit)
            let new = try await bench.events.observation(of: unit, from: mark) {
                $0.invocationID != old.invocationID && $0.activeState == .active && $0.job == nil
            }
            for expected in [old.invocationID, nil] {
                let outcome = await bench.manager.restart(unit, expectedInvocationID: expected, timeout: .seconds(5))
                #expect(outcome.result == .refused, "\(outcome.detail)")
            }
            let now = await property("InvocationID", of: unit)
            #expect(now == new.invocationID)
            #expect(Bench.starts(unit) == 2)
            await shell("systemctl", "stop", unit)
        }

        @Test func `somebody else's job in flight is not disturbed`() async throws {
            let unit = "leaving.service"
            await Bench.install(unit, ["ExecStop=/bin/sleep 1"])
            let bench = try Bench()
            let running = try await bench.watchRunning(unit)
            let mark = bench.events.count
            await shell("systemctl", "stop", "--no-block", unit)
            _ = try await bench.events.observation(of: unit, from: mark) { $0.job?.type == "stop" && $0.stoppedByOther }
            let outcome = await bench.manager.restart(
                unit, expectedInvocationID: running.invocationID, timeout: .seconds(5))
            #expect(outcome.result == .refused, "\(outcome.detail)")
            _ = try await bench.events.observation(of: unit, from: mark) {
                $0.activeState == .inactive && $0.job == nil && $0.stoppedByOther
            }
            #expect(Bench.starts(unit) == 1)
        }

        @Test func `a job that came an instant ago makes systemd itself refuse ours`() async throws {
            let unit = "race.service"
            await Bench.install(unit, ["ExecStop=/bin/sleep 0.3"])
            let bench = try Bench()
            let running = try await bench.watchRunning(unit)
            async let stop = shell("systemctl", "stop", unit)
            var last = ActionOutcome(.succeeded, detail: "none tried")
            // Whoever comes first wins; either way the stop is never undone once it is queued.
            while !bench.events.observations(of: unit).contains(where: \.stoppedByOther) { await Task.yield() }
            last = await bench.manager.restart(unit, expectedInvocationID: running.invocationID, timeout: .seconds(5))
            #expect(last.result == .refused, "\(last.detail)")
            _ = await stop
            #expect(await property("ActiveState", of: unit) == "inactive")
        }

        @Test func `a unit in systemd's own auto-restart is left alone`() async throws {
            let unit = "waits.service"
            await Bench.install(unit, ["Restart=always", "RestartSec=60"])
            let bench = try Bench()
            let running = try await bench.watchRunning(unit)
            kill(running.mainPID, SIGKILL)
            let waiting = try await bench.events.observation(of: unit) { $0.subState == "auto-restart" }
            #expect(waiting.activeState == .activating)
            let outcome = await bench.manager.restart(
                unit, expectedInvocationID: running.invocationID, timeout: .seconds(5))
            #expect(outcome.result == .refused && outcome.detail.contains("Restart="), "\(outcome.detail)")
            #expect(Bench.starts(unit) == 1)
            await shell("systemctl", "stop", unit)
        }

        @Test func `masked, missing and impossible units are refused`() async throws {
            await shell("systemctl", "mask", "--runtime", "covered.service")
            let bench = try Bench()
            for unit in ["covered.service", "absent.service", "../etc/passwd", "x@.service"] {
                let outcome = await bench.manager.restart(unit, expectedInvocationID: nil, timeout: .seconds(5))
                #expect(outcome.result == .refused, "\(unit): \(outcome.detail)")
            }
        }

        @Test func `a stop that hangs is ended with SIGKILL and the unit comes back`() async throws {
            let unit = "stubborn.service"
            await Bench.install(
                unit, ["TimeoutStopSec=600"], run: "trap true TERM; touch /tmp/trapped; while :; do sleep 0.1; done")
            let bench = try Bench()
            let running = try await bench.watchRunning(unit)
            while access("/tmp/trapped", F_OK) != 0 { await Task.yield() }
            let begin = ContinuousClock.now
            let outcome = await bench.manager.restart(
                unit, expectedInvocationID: running.invocationID, timeout: .seconds(1))
            let took = ContinuousClock.now - begin
            #expect(outcome.result == .succeeded && outcome.detail.contains("SIGKILL"), "\(outcome.detail)")
            #expect(took >= .seconds(1) && took < .seconds(3))
            #expect(Bench.starts(unit) == 2)
            await shell("systemctl", "kill", "-s", "KILL", unit)
        }

        @Test func `a start that never ends is given up on in time`() async throws {
            let unit = "endless.service"
            await Bench.install(unit, ["Type=notify", "TimeoutStartSec=infinity"], start: false)
            let bench = try Bench()
            let begin = ContinuousClock.now
            let outcome = await bench.manager.restart(unit, expectedInvocationID: nil, timeout: .seconds(1))
            #expect(outcome.result == .timedOut, "\(outcome.detail)")
            #expect(ContinuousClock.now - begin < .seconds(3))
            await shell("systemctl", "stop", unit)
        }

        @Test func `a unit that cannot start fails with systemd's reason`() async throws {
            let unit = "broken.service"
            await Bench.install(unit, ["Type=notify", "TimeoutStartSec=5"], run: "exit 78", start: false)
            let bench = try Bench()
            let outcome = await bench.manager.restart(unit, expectedInvocationID: nil, timeout: .seconds(10))
            #expect(outcome.result == .failed)
            #expect(outcome.detail.contains("failed (exit-code, status 78)"), "\(outcome.detail)")
        }

        @Test func `where systemd has given up, its counter is reset first`() async throws {
            let unit = "limited.service"
            await Bench.install(
                unit, ["Restart=always", "RestartSec=0"],
                run: "test -e /tmp/limited.good && exec sleep 1000; exit 1",
                general: ["StartLimitIntervalSec=600", "StartLimitBurst=2"])
            let bench = try Bench()
            await bench.manager.watch([unit])
            let given = try await bench.events.observation(of: unit) {
                $0.activeState == .failed && $0.job == nil && $0.restarts == 2
            }
            #expect(await property("NRestarts", of: unit) == "2")
            write("", to: "/tmp/limited.good")
            let outcome = await bench.manager.restart(
                unit, expectedInvocationID: given.invocationID, timeout: .seconds(10))
            #expect(outcome.result == .succeeded, "\(outcome.detail)")
            await shell("systemctl", "stop", unit)
        }
    }
}
