/// `healctl audit verify`: whether the audit trail is what was written.
public struct VerificationPage: Sendable {
    /// Records looked at.
    public var records: Int64
    /// The end of the chain, `SEQUENCE:HASH`.
    public var head: String
    public var firstBadRecord: Int64?
    /// What is wrong; empty where nothing is.
    public var findings: [String]
    /// What could not be looked at.
    public var remarks: [String]
    public var isIntact: Bool { self.findings.isEmpty }

    public init(records: Int64, head: String, firstBadRecord: Int64?, findings: [String], remarks: [String]) {
        self.records = records
        self.head = head
        self.firstBadRecord = firstBadRecord
        self.findings = findings
        self.remarks = remarks
    }

    public func text(on terminal: Terminal) -> String {
        var lines: [String] = []
        if self.isIntact {
            lines.append(terminal.styled("The audit trail is intact", .good) + ": \(self.records) records.")
        } else {
            lines.append(
                terminal.styled("The audit trail is not what was written", .bad) + " (\(self.records) records):")
            lines += self.findings.map { "  \(printable($0))" }
        }
        lines += self.remarks.map { "  not looked at: \(printable($0))" }
        lines.append("End of the chain: \(printable(self.head))")
        if self.isIntact {
            lines.append("Kept where nobody can change it, this proves the trail later: healctl audit verify --head …")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    public var json: JSONValue {
        .object([
            ("intact", .bool(self.isIntact)), ("records", .integer(self.records)), ("head", .string(self.head)),
            ("firstBadRecord", .integer(self.firstBadRecord)),
            ("findings", .array(self.findings.map { .string($0) })),
            ("remarks", .array(self.remarks.map { .string($0) })),
        ])
    }
}
