import CSystemd
import RecoveryEngine
import ResilienceCore
import Systemd
import Testing

extension LiveSystemd {
    @Suite struct Journal {
        private static func evidence(_ unit: String, _ invocation: String?, until text: String) async throws -> String?
        {
            let journal = try JournalEvidence()
            let end = ContinuousClock.now + .seconds(10)
            var lines: String?
            // journald takes what was logged a moment after it was logged.
            repeat {
                lines = await journal.lastJournalLines(unit: unit, invocationID: invocation)
                if lines?.contains(text) == true { break }
                await Task.yield()
            } while ContinuousClock.now < end
            return lines
        }

        @Test func `the last lines of the dead invocation are found, and no others`() async throws {
            let unit = "talks.service"
            await Bench.install(unit, run: "echo first life $$$$; exec sleep 1000")
            let first = await property("InvocationID", of: unit)
            await shell("systemctl", "kill", "-s", "KILL", unit)
            await shell("systemctl", "start", unit)
            let second = await property("InvocationID", of: unit)
            #expect(first != second)
            let lines = try #require(try await Self.evidence(unit, first, until: "Failed with result"))
            #expect(lines.contains("first life"))
            #expect(lines.contains("Main process exited, code=killed, status=9/KILL"))
            #expect(!lines.contains(second))
            #expect(lines.utf8.count <= 4096)
            await shell("systemctl", "stop", unit)
        }

        @Test func `a flood is cut to the newest lines, and control characters are made harmless`() async throws {
            let unit = "floods.service"
            await Bench.install(
                unit,
                run:
                    "for i in {1..500}; do echo line $$i of many; done; printf \"\\\\033[2J\\\\001evil\\\\n\"; exec sleep 1000"
            )
            let invocation = await property("InvocationID", of: unit)
            let lines = try #require(try await Self.evidence(unit, invocation, until: "evil"))
            #expect(lines.utf8.count <= 4096 && lines.utf8.count > 3000)
            #expect(lines.contains("line 500 of many") && !lines.contains("line 1 of many"))
            #expect(!lines.unicodeScalars.contains { $0.value < 32 && $0 != "\n" && $0 != "\t" })
            let order = lines.split(separator: "\n")
            #expect(order.last?.contains("evil") == true)
            await shell("systemctl", "stop", unit)
        }

        @Test func `an unknown invocation has no evidence`() async throws {
            let journal = try JournalEvidence()
            let lines = await journal.lastJournalLines(
                unit: "nothing.service", invocationID: "00112233445566778899aabbccddeeff")
            #expect(lines == nil)
            #expect(await journal.lastJournalLines(unit: "x.service", invocationID: "not one") == nil)
        }

        @Test func `what is written is found again, with its fields`() async throws {
            let text = "written by a test \(wallNow().microseconds)"
            JournalWriter(identifier: "heald-test").write(
                text, priority: 4, fields: ["component": "web", "HEALD_INCIDENT": "12", "multi": "a\nb", "": "lost"])
            var found = ""
            let end = ContinuousClock.now + .seconds(10)
            repeat {
                found = await shell("journalctl", "-t", "heald-test", "-o", "verbose", "--no-pager").output
            } while !found.contains(text) && ContinuousClock.now < end
            for field in ["MESSAGE=\(text)", "PRIORITY=4", "COMPONENT=web", "HEALD_INCIDENT=12", "MULTI=a"] {
                #expect(found.contains(field), "\(field)")
            }
        }
    }
}
