import CProbes
import Policy
import ResilienceCore

/// What the end of a check's program says of the component.
///
/// - SeeAlso: Monitoring Plugins Development Guidelines, "Plugin Return Codes" and "Plugin Output for Nagios";
///   sysexits.h(3head) for 78.
enum ExecVerdict {
    /// sysexits' `EX_CONFIG`.
    private static let badConfiguration: Int32 = 78
    /// What shells answer for a command that they cannot execute or find.
    private static let shellFailures: ClosedRange<Int32> = 126...127

    static func finding(_ exit: cprobes_exit, check: ExecCheck, out: [UInt8], err: [UInt8]) -> Finding {
        let program = check.command.first ?? "?"
        let message = Self.firstLine(out) ?? Self.firstLine(err)
        let output = Self.output(out, err)
        func described(_ fallback: String) -> String { message ?? fallback }
        guard exit.how > 0 else {
            return .unknown("the exit status of \(program) is lost: \(errorText(-exit.how))", output: output)
        }
        // Whatever it checked, it did not get to say: its own death is no word on the component.
        guard exit.how == 1 else {
            return .unknown(
                "\(program) was killed by signal \(exit.status)\(message.map { ": \($0)" } ?? "")", reason: .crashed,
                output: output)
        }
        let status = exit.status
        let plain = "\(program) exited with status \(status)"
        switch (check.convention, status) {
        case (_, 0): return Finding(verdict: .up, output: output)
        case (_, Self.badConfiguration): return .down(.misconfigured, described(plain), output: output)
        case (.exit, Self.shellFailures):
            return .down(.misconfigured, "\(plain)\(message.map { ": \($0)" } ?? "")", output: output)
        case (.exit, _): return .down(.other, described(plain), output: output)
        case (.plugin, 1):
            var finding = Finding.down(.other, described(plain), output: output)
            finding.verdict = .degraded
            return finding
        case (.plugin, 2): return .down(.other, described(plain), output: output)
        case (.plugin, 3): return .unknown(described(plain), output: output)
        case (.plugin, Self.shellFailures):
            return .unknown(
                "\(plain)\(message.map { ": \($0)" } ?? "")", reason: .misconfigured, output: output)
        case (.plugin, _):
            return .unknown(
                "\(plain), which means nothing to the plugin convention\(message.map { ": \($0)" } ?? "")",
                output: output)
        }
    }

    /// Standard output, then what went to standard error.
    static func output(_ out: [UInt8], _ err: [UInt8]) -> String? {
        guard !err.isEmpty else { return evidence(out) }
        let separator = out.isEmpty || out.last == UInt8(ascii: "\n") ? "" : "\n"
        // Neither may push the other out.
        return evidence(Array(out.prefix(2_048)) + Array("\(separator)stderr: ".utf8) + err.prefix(2_048))
    }

    /// The first line with something on it, without performance data.
    private static func firstLine(_ bytes: [UInt8]) -> String? {
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let text = line.prefix { $0 != UInt8(ascii: "|") }.trimmed
            let clean = text.last == UInt8(ascii: "\r") ? text.dropLast() : text
            if !clean.isEmpty { return oneLine(String(decoding: clean, as: UTF8.self)) }
        }
        return nil
    }
}
