import Foundation
import Testing

/// The README's demonstration is a promise, so it is a test, too.
@Suite(.serialized, .enabled(if: Stage.isHere, Stage.reason), .timeLimit(.minutes(3)))
struct DemoTests {
    @Test func `the demonstration tells its story to the end`() throws {
        let demo = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Demo/demo").path()
        let told = try run("/bin/bash", [demo, Stage.binaries.path()])
        #expect(told.status == 0, "\(told.output)\n\(told.errors)")
        let words = [
            "website   WELL", "database  WELL", "worker    GIVEN UP", "NORMAL → DEGRADED", "DEGRADED → NORMAL",
            "The audit trail is intact",
        ]
        for word in words {
            #expect(told.output.contains(word), "\(word) is not told:\n\(told.output)")
        }
    }
}
