import Glibc
import RecoveryEngine
import ResilienceCore
import Systemd
import Testing

extension LiveSystemd {
    @Suite struct Watching {
        @Test(arguments: [BusAddress.system, .address("unix:path=/run/dbus/system_bus_socket")])
        func `a killed service is told of once, with how it died`(address: BusAddress) async throws {
            let unit = "killed.service"
            await Bench.install(unit)
            let bench = try Bench(address)
            let before = try await bench.watchRunning(unit)
            let mark = bench.events.count
            let killedAt = wallNow()
            kill(before.mainPID, SIGKILL)
            let death = try await bench.events.observation(of: unit, from: mark) {
                $0.activeState == .failed && !$0.isForetold
            }
            let seenAt = wallNow()
            #expect(death.result == "signal")
            #expect(death.subState == "failed")
            #expect(death.exit?.kind == .killed)
            #expect(death.exit?.status == SIGKILL)
            let exitedAt = try #require(death.exit?.at)
            #expect(exitedAt >= killedAt && exitedAt <= seenAt)
            #expect(death.invocationID == before.invocationID)
            #expect(death.mainPID == 0)
            #expect(!death.stoppedByOther && !death.startedByOther && death.job == nil)
            // Whatever systemd still had to say about the death comes before the end of the next job.
            let outcome = await bench.manager.restart(
                unit, expectedInvocationID: death.invocationID, timeout: .seconds(10))
            #expect(outcome.result == .succeeded, "\(outcome.detail)")
            let seen = bench.events.observations(of: unit, from: mark)
            #expect(seen.filter { $0.activeState == .failed && $0.job == nil && !$0.isForetold }.count == 1)
            #expect(seen.filter { $0.activeState == .active && $0.job == nil }.count == 1)
            #expect(Bench.starts(unit) >= 2)
            await shell("systemctl", "stop", unit)
        }

        @Test func `an exit by itself is no operator's stop`() async throws {
            let unit = "leaves.service"
            await Bench.install(unit, run: "read < /tmp/leave; exit 3", start: false)
            await shell("mkfifo", "/tmp/leave")
            await shell("systemctl", "start", unit)
            let bench = try Bench()
            _ = try await bench.watchRunning(unit)
            await shell("bash", "-c", "echo > /tmp/leave")
            let end = try await bench.events.observation(of: unit) { $0.activeState == .failed }
            #expect(end.exit?.kind == .exited && end.exit?.status == 3)
            #expect(end.result == "exit-code" && !end.stoppedByOther)
        }

        @Test func `what systemd stops with the unit it is bound to was not stopped by a person`() async throws {
            let (owner, bound) = ("bond-owner.service", "bond-bound.service")
            await Bench.install(owner)
            await Bench.install(bound, general: ["BindsTo=\(owner)", "After=\(owner)"])
            let bench = try Bench()
            await bench.manager.watch([owner, bound])
            func running(_ unit: String, from mark: Int) async throws -> UnitObservation {
                try await bench.events.observation(of: unit, from: mark) {
                    $0.activeState == .active && $0.mainPID > 0 && $0.job == nil
                }
            }
            for _ in 0..<5 {
                let mark = max(0, bench.events.count - 1)
                _ = try await running(bound, from: 0)
                kill(Int32(await property("MainPID", of: owner)) ?? 0, SIGKILL)
                let down = try await bench.events.observation(of: bound, from: mark) {
                    $0.activeState == .inactive && $0.job == nil
                }
                #expect(down.stoppedWith == owner && !down.stoppedByOther)
                await shell("systemctl", "start", bound)
                _ = try await running(bound, from: bench.events.count - 1)
            }
            // A person's stop of the one stops both, and is theirs.
            let mark = bench.events.count
            await shell("systemctl", "stop", owner)
            let down = try await bench.events.observation(of: bound, from: mark) {
                $0.activeState == .inactive && $0.job == nil
            }
            #expect(down.stoppedWith == nil && down.stoppedByOther)
        }

        @Test func `an operator's stop and start are known as such`() async throws {
            let unit = "stopped.service"
            await Bench.install(unit)
            let bench = try Bench()
            let running = try await bench.watchRunning(unit)
            #expect(!running.startedByOther && !running.stoppedByOther)
            for _ in 0..<5 {
                var mark = bench.events.count
                await shell("systemctl", "stop", unit)
                let stopped = try await bench.events.observation(of: unit, from: mark) { $0.activeState == .inactive }
                #expect(stopped.stoppedByOther)
                _ = try await bench.events.observation(of: unit, from: mark) {
                    $0.activeState == .inactive && $0.job == nil
                }
                let downs = bench.events.observations(of: unit, from: mark).filter { $0.activeState == .inactive }
                #expect(!downs.isEmpty && !downs.contains { !$0.stoppedByOther })
                mark = bench.events.count
                await shell("systemctl", "start", unit)
                let started = try await bench.events.observation(of: unit, from: mark) {
                    $0.activeState == .active && $0.job == nil
                }
                #expect(!started.stoppedByOther && started.startedByOther)
            }
            await shell("systemctl", "stop", unit)
        }

        @Test func `a stop while nobody watched is an operator's, a crash is not`() async throws {
            // Something has to need it: systemd forgets a stopped unit that nobody needs, and with it how it ended.
            await Bench.install("holder.service", general: ["Wants=gone.service"])
            await Bench.install("gone.service")
            await Bench.install("crashed.service")
            await shell("systemctl", "stop", "gone.service")
            await Bench.kill("crashed.service")
            let bench = try Bench()
            await bench.manager.watch(["gone.service", "crashed.service"])
            let crashed = try await bench.events.observation(of: "crashed.service") { $0.activeState == .failed }
            #expect(!crashed.stoppedByOther && crashed.result == "signal" && crashed.exit?.status == SIGKILL)
            let gone = try await bench.events.observation(of: "gone.service") { $0.activeState == .inactive }
            #expect(gone.stoppedByOther)
            await shell("systemctl", "stop", "holder.service")
        }

        @Test func `systemd's own Restart= brings it back once, and it is not taken for a person's hand`() async throws
        {
            let unit = "always.service"
            await Bench.install(unit, ["Restart=always", "RestartSec=0"])
            let bench = try Bench()
            var pid = try await bench.watchRunning(unit).mainPID
            for kills in 1...20 {
                let old = pid
                kill(old, SIGKILL)
                let back = try await bench.events.observation(of: unit) {
                    $0.activeState == .active && $0.restarts == UInt32(kills) && $0.job == nil && $0.mainPID != old
                        && $0.mainPID > 0
                }
                #expect(!back.startedByOther && !back.stoppedByOther)
                pid = back.mainPID
            }
            #expect(Bench.starts(unit) == 21)
            await shell("systemctl", "stop", unit)
        }

        @Test func `systemd giving up is not taken for a person's hand`() async throws {
            let bench = try Bench()
            for round in 1...5 {
                let unit = "given-up-\(round).service"
                await Bench.install(
                    unit, ["Restart=always", "RestartSec=20ms"], run: "exit 1",
                    general: ["StartLimitIntervalSec=600", "StartLimitBurst=2"])
                await bench.manager.watch([unit])
                let given = try await bench.events.observation(of: unit) {
                    $0.activeState == .failed && $0.job == nil && $0.restarts == 2
                }
                #expect(!given.stoppedByOther)
            }
        }

        @Test func `missing, masked and impossible units are observed as what they are`() async throws {
            await shell("systemctl", "mask", "--runtime", "hidden.service")
            await Bench.install("inst@.service", start: false)
            await shell("systemctl", "start", "inst@a\\x2db.service")
            let bench = try Bench()
            let names: Set = [
                "nowhere.service", "hidden.service", "inst@.service", "not a unit", "inst@a\\x2db.service",
            ]
            await bench.manager.watch(names)
            func load(_ unit: String) async throws -> String {
                try await bench.events.observation(of: unit) { _ in true }.loadState
            }
            #expect(try await load("nowhere.service") == "not-found")
            #expect(try await load("hidden.service") == "masked")
            #expect(try await load("inst@.service") == "not-found")
            #expect(try await load("not a unit") == "not-found")
            let instance = try await bench.events.observation(of: "inst@a\\x2db.service") { $0.mainPID > 0 }
            #expect(instance.activeState == .active)
            await shell("systemctl", "stop", "inst@a\\x2db.service")
        }

        @Test func `units no longer watched are not told of`() async throws {
            await Bench.install("kept.service")
            await Bench.install("dropped.service")
            let bench = try Bench()
            _ = try await bench.watchRunning("dropped.service")
            await bench.manager.watch(["kept.service"])
            _ = try await bench.events.observation(of: "kept.service") { $0.mainPID > 0 }
            let mark = bench.events.count
            await shell("systemctl", "stop", "dropped.service")
            await shell("systemctl", "stop", "kept.service")
            _ = try await bench.events.observation(of: "kept.service", from: mark) { $0.activeState == .inactive }
            #expect(bench.events.observations(of: "dropped.service", from: mark).isEmpty)
        }
    }
}
