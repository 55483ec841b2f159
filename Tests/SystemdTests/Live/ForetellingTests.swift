import Glibc
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Systemd

extension LiveSystemd {
    /// Deaths told by the kernel, before systemd speaks of them.
    @Suite struct Foretelling {
        /// systemd may be so quick that there is nothing left to foretell, on a busy machine many times in a row.
        private static let killsMost = 60

        /// Watches a unit until it runs and what systemd does at its end is known, which is read in a quiet moment.
        private static func watch(_ unit: String, _ bench: Bench) async throws -> UnitObservation {
            let running = try await bench.watchRunning(unit)
            let end = ContinuousClock.now + .seconds(5)
            while await !bench.manager.knowsEnding(of: unit), ContinuousClock.now < end { await Task.yield() }
            try #require(await bench.manager.knowsEnding(of: unit))
            return running
        }

        @Test func `a death is foretold, and systemd then says the same`() async throws {
            let unit = "foretold.service"
            await Bench.install(unit)
            let bench = try Bench()
            var running = try await Self.watch(unit, bench)
            var foretold: UnitObservation?
            for _ in 0..<Self.killsMost where foretold == nil {
                let mark = bench.events.count
                kill(running.mainPID, SIGKILL)
                let word = try await bench.events.observation(of: unit, from: mark) {
                    $0.activeState == .failed && !$0.isForetold
                }
                foretold = bench.events.observations(of: unit, from: mark).first { $0.isForetold }
                if let foretold {
                    #expect(foretold.exit?.kind == word.exit?.kind && foretold.exit?.status == word.exit?.status)
                    #expect(foretold.result == word.result && foretold.invocationID == word.invocationID)
                    #expect(foretold.activeState == word.activeState && foretold.subState == word.subState)
                    let apart = try #require(word.exit?.at) - #require(foretold.exit?.at)
                    #expect(abs(apart.inSeconds) < 0.5)
                }
                _ = await bench.manager.restart(
                    unit, expectedInvocationID: word.invocationID, timeout: .seconds(10))
                running = try await bench.runningAgain(unit, from: mark, not: running.mainPID)
            }
            #expect(foretold != nil)
            await shell("systemctl", "stop", unit)
        }

        @Test func `a restart decided on a death foretold happens once, after systemd has seen it`() async throws {
            let unit = "early.service"
            await Bench.install(unit)
            let bench = try Bench()
            var running = try await Self.watch(unit, bench)
            var kills = 0
            var early = 0
            while kills < Self.killsMost, early < 3 {
                let mark = bench.events.count
                kill(running.mainPID, SIGKILL)
                kills += 1
                let first = try await bench.events.observation(of: unit, from: mark) { $0.activeState == .failed }
                early += first.isForetold ? 1 : 0
                let outcome = await bench.manager.restart(
                    unit, expectedInvocationID: first.invocationID, timeout: .seconds(10))
                #expect(outcome.result == .succeeded, "\(outcome.detail)")
                running = try await bench.runningAgain(unit, from: mark, not: running.mainPID)
            }
            #expect(early > 0)
            #expect(Bench.starts(unit) == kills + 1)
            await shell("systemctl", "stop", unit)
        }

        @Test(arguments: [
            ["Restart=always", "RestartSec=50ms"], ["RestartForceExitStatus=SIGKILL"], ["SuccessExitStatus=SIGKILL"],
            ["ExecStopPost=/bin/true"], ["ExecStop=/bin/true"], ["RemainAfterExit=yes"],
        ])
        func `where systemd does something of its own, nothing is foretold`(settings: [String]) async throws {
            let unit = "own-\(settings[0].prefix { $0 != "=" }.lowercased()).service"
            await Bench.install(unit, settings)
            try await Self.expectNoForetelling(unit)
        }

        @Test func `while other processes of the unit are left, nothing is foretold`() async throws {
            let unit = "family.service"
            // What is left ignores systemd's SIGTERM: it is there however late the test's process gets its turn.
            await Bench.install(
                unit, ["TimeoutStopSec=500ms"], run: "trap '' TERM; sleep 1000 & exec sleep 1000")
            try await Self.expectNoForetelling(unit, processes: 2)
        }

        private static func expectNoForetelling(_ unit: String, processes: Int = 1) async throws {
            let bench = try Bench()
            var running = try await Self.watch(unit, bench)
            for _ in 0..<6 {
                let old = running.mainPID
                let end = ContinuousClock.now + .seconds(5)
                let listing = "/sys/fs/cgroup/system.slice/\(unit)/cgroup.procs"
                while lines(of: listing).count < processes, ContinuousClock.now < end { await Task.yield() }
                let mark = bench.events.count
                kill(old, SIGKILL)
                _ = try await bench.events.observation(of: unit, from: mark) { $0.mainPID != old }
                #expect(!bench.events.observations(of: unit, from: mark).contains { $0.isForetold })
                await shell("systemctl", "restart", unit)
                running = try await bench.runningAgain(unit, from: mark, not: old)
            }
            await shell("systemctl", "stop", unit)
        }

        @Test func `an operator's stop by SIGKILL is never turned into a start`() async throws {
            let unit = "hardstop.service"
            await Bench.install(unit, ["KillSignal=SIGKILL"])
            let bench = try Bench()
            var running = try await Self.watch(unit, bench)
            for _ in 0..<20 {
                let mark = bench.events.count
                async let stopping = shell("systemctl", "stop", unit)
                let down = try await bench.events.observation(of: unit, from: mark) {
                    $0.activeState != .active && $0.activeState != .deactivating
                }
                if !down.stoppedByOther {
                    let outcome = await bench.manager.restart(
                        unit, expectedInvocationID: running.invocationID, timeout: .seconds(10))
                    #expect(outcome.result == .refused, "\(outcome.detail)")
                }
                _ = await stopping
                #expect(await property("ActiveState", of: unit) != "active")
                await shell("systemctl", "start", unit)
                running = try await bench.runningAgain(unit, from: mark, not: running.mainPID)
            }
            await shell("systemctl", "stop", unit)
        }
    }
}

extension SystemdManager {
    fileprivate func knowsEnding(of unit: String) -> Bool { self.watcher.records[unit]?.ending != nil }
}
