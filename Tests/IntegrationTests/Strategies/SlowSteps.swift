import Foundation
import Testing

/// One heald with a component for each strategy, whose step takes as long as the test wants: what the step brings about
/// in systemd waits while `/run/<stage>/<component>.slow` is there.
///
/// Each component is down while `<component>.bad` is there, and the last thing that a step does by itself is to remove
/// that.
final class SlowSteps {
    /// A component and what its step needs.
    struct Part {
        /// Names its component.
        var name: String
        /// As incidents name it.
        var action: String
        /// Of the step, beside `action`.
        var keys = ""
        /// Of the component, beside the common ones.
        var facts = ""
        /// Of its unit; `$WAIT`, `$HEAL` and `$NOTE` stand for what waits, heals, and writes down that it ran.
        var settings: [String] = []
        /// Units beside its own.
        var others: [Stage.Service] = []
    }

    let stage: Stage
    private let root: String
    private let parts: [Part]

    /// - Parameters:
    ///   - timeout: of each step.
    ///   - next: the step after it.
    init(_ name: String, _ parts: [Part], timeout: String, next: (_ root: String, Part) -> String) throws {
        let root = "/run/\(name)"
        self.root = root
        self.parts = parts
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        func filled(_ text: String, _ part: Part) -> String {
            let file = "\(root)/\(part.name)"
            return text.replacingOccurrences(of: "$WAIT", with: Self.wait(file))
                .replacingOccurrences(of: "$HEAL", with: "rm -f \(file).bad")
                .replacingOccurrences(of: "$NOTE", with: "echo >> \(file).notes")
                .replacingOccurrences(of: "$ROOT", with: root)
        }
        var units: [Stage.Service] = []
        var components: [String] = []
        for part in parts {
            let unit = "\(name)-\(part.name).service"
            var services = part.others
            services.insert(.init(name: unit, settings: part.settings), at: 0)
            for service in services {
                var service = service
                service.settings = service.settings.map { filled($0, part) }
                units.append(service)
            }
            components.append(
                """
                "\(part.name)": { "unit": "\(unit)", "stable": "300ms", "startupGrace": "1s", \(filled(part.facts, part))
                  "checks": { "unit": { "type": "unit" }, "it": { "type": "exec",
                    "command": ["/bin/sh", "-c", "! test -e \(root)/\(part.name).bad || exit 2"],
                    "interval": "500ms", "timeout": "400ms", "fall": 2, "rise": 1 } },
                  "recovery": [ { "action": "\(part.action)", "timeout": "\(timeout)", "verify": "2s" \(part.keys) },
                                \(next(root, part)) ] }
                """)
        }
        self.stage = try Stage(
            name, units: units,
            policy: """
                { "version": 1,
                  "guards": { "maxActions": { "count": 1000, "per": "10m" }, "maxConcurrent": 50, "maxUnhealthy": "100%" },
                  "components": { \(components.joined(separator: ",\n")) } }
                """)
    }

    /// Says that it has begun, then waits while it is to be slow.
    private static func wait(_ file: String) -> String {
        "touch \(file).begun; while test -e \(file).slow; do sleep 0.1; done"
    }

    /// Every component fails, and every step that follows takes its time.
    func breakAll() throws {
        for part in self.parts {
            // What started before this was not a step.
            for old in ["begun", "notes"] {
                try? FileManager.default.removeItem(atPath: "\(self.root)/\(part.name).\(old)")
            }
            for mark in ["slow", "bad"] {
                try #require(
                    FileManager.default.createFile(atPath: "\(self.root)/\(part.name).\(mark)", contents: nil))
            }
        }
    }

    /// Nothing takes its time any more.
    func hurry() {
        for part in self.parts { try? FileManager.default.removeItem(atPath: "\(self.root)/\(part.name).slow") }
    }

    /// Which steps have not begun.
    var waitedFor: [String] {
        self.parts.map(\.name).filter { !FileManager.default.fileExists(atPath: "\(self.root)/\($0).begun") }
    }

    /// How often a step was carried out.
    func notes(_ name: String) -> Int {
        let text = (try? String(contentsOfFile: "\(self.root)/\(name).notes", encoding: .utf8)) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
    }

    /// The incident of each component, once all are resolved.
    func healed() async throws -> [String: Incident] {
        let all = try await self.stage.incidents(within: 60, "every recovery") { incidents in
            incidents.count >= self.parts.count && incidents.allSatisfy { $0.state == "resolved" }
        }
        return Dictionary(all.map { ($0.component, $0) }) { _, first in first }
    }
}

extension SlowSteps.Part {
    private static let slowStart = "ExecStartPre=/bin/sh -c '$WAIT; $NOTE; $HEAL'"
    private static let slowStop = [
        "ExecStop=/bin/sh -c '$WAIT'", "ExecStopPost=/bin/sh -c '$NOTE'", "TimeoutStopSec=30",
    ]
    private static let slowReload = "ExecReload=/bin/sh -c '$WAIT; $NOTE; $HEAL'"

    static let restart = Self(name: "restart", action: "RESTART", settings: [slowStart])

    static func failover(_ stage: String) -> Self {
        Self(
            name: "failover", action: "FAILOVER",
            facts: #""failover": { "standbys": ["\#(stage)-standby.service"], "failback": "manual" },"#,
            others: [.init(name: "\(stage)-standby.service", settings: [slowStart], isStarted: false)])
    }

    static func scaleUp(_ stage: String) -> Self {
        Self(
            name: "up", action: "SCALE_UP",
            facts: #""scale": { "template": "\#(stage)-more@.service", "min": 0, "max": 1, "cooldown": "1s" },"#,
            others: [.init(name: "\(stage)-more@.service", settings: [slowStart], isStarted: false)])
    }

    static func scaleDown(_ stage: String) -> Self {
        Self(
            name: "down", action: "SCALE_DOWN",
            facts: #""scale": { "template": "\#(stage)-less@.service", "min": 0, "max": 1, "cooldown": "1s" },"#,
            others: [
                .init(
                    name: "\(stage)-less@.service", settings: slowStop + ["ExecStopPost=/bin/sh -c '$HEAL'"],
                    isStarted: false)
            ])
    }

    static let isolate = Self(
        name: "isolate", action: "CIRCUIT_BREAK", facts: #""isolate": { "openFor": "1s" },"#,
        settings: slowStop + ["ExecStartPre=/bin/sh -c '$HEAL'"])

    static let resetConnection = Self(name: "reset", action: "RESET_CONNECTION", settings: [slowReload])

    static func switchEndpoint(_ stage: String) -> Self {
        Self(
            name: "switch", action: "SWITCH_ENDPOINT",
            facts: """
                "failover": { "standbys": ["\(stage)-other.service"], "failback": "manual", "endpoint": {
                  "symlink": { "path": "$ROOT/endpoint", "targets": {
                    "\(stage)-switch.service": "one", "\(stage)-other.service": "two" } },
                  "reload": "\(stage)-proxy.service" } },
                """,
            others: [
                .init(name: "\(stage)-other.service"), .init(name: "\(stage)-proxy.service", settings: [slowReload]),
            ])
    }

    static let clearCache = Self(
        name: "cache", action: "CLEAR_CACHE",
        facts: #""cache": { "hook": ["/bin/sh", "-c", "$WAIT; $NOTE; $HEAL"] },"#)
}
