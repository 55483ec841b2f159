import Supervisor

/// `healctl reload`.
public struct ReloadPage: Sendable {
    public var report: ReloadReport

    public init(_ report: ReloadReport) { self.report = report }

    public var text: String {
        guard !self.report.applied else { return "Policy generation \(self.report.generation) runs.\n" }
        let count = self.report.errors.count
        let lines = self.report.errors.map { printable($0) }
        return
            (lines + [
                "The policies are refused (\(count) error\(count == 1 ? "" : "s")); generation \(self.report.generation) goes on."
            ]).joined(separator: "\n") + "\n"
    }

    public var json: JSONValue {
        .object([
            ("applied", .bool(self.report.applied)), ("generation", .integer(Int64(self.report.generation))),
            ("errors", .array(self.report.errors.map { .string($0) })),
        ])
    }
}
