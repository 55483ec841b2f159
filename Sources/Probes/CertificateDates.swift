import NIOSSL
import Policy
import ResilienceCore

/// What the dates of certificates mean now.
enum CertificateDates {
    /// Looks at a PEM file, by calls that may block: for `BlockingChecks` only.
    static func look(atFile path: String, expiresAfter: Duration) -> Finding {
        switch CertificateFile.read(path) {
        case .failed(let finding): finding
        case .certificates(let certificates): self.judge(certificates, of: path, expiresAfter: expiresAfter)
        }
    }

    /// - Parameters:
    ///   - certificates: the owner's own first, then those that vouch for it.
    ///   - owner: whose they are, for messages.
    static func judge(_ certificates: [NIOSSLCertificate], of owner: String, expiresAfter: Duration) -> Finding {
        let now = ProbeClock.wall().microseconds / 1_000_000
        let problems = certificates.enumerated().compactMap { index, certificate -> Problem? in
            let name = index == 0 ? "the certificate of \(owner)" : "certificate \(index + 1) in the chain of \(owner)"
            return Self.problem(
                name, from: Int64(certificate.notValidBefore), until: Int64(certificate.notValidAfter), now: now,
                expiresAfter: expiresAfter)
        }
        guard let first = problems.min(by: { $0.until < $1.until }) else { return .up }
        return .down(.certificate, first.message, output: self.output(certificates))
    }

    struct Problem: Hashable {
        var until: Int64
        var message: String
    }

    /// All times in seconds since 1970.
    static func problem(
        _ name: String, from: Int64, until: Int64, now: Int64, expiresAfter: Duration
    ) -> Problem? {
        if now > until { return Problem(until: until, message: "\(name) expired \(self.text(now - until)) ago") }
        if now < from {
            return Problem(until: until, message: "\(name) is not valid yet, but in \(self.text(from - now))")
        }
        guard Duration.seconds(until - now) < expiresAfter else { return nil }
        return Problem(
            until: until,
            message: "\(name) expires in \(self.text(until - now)); expected not within \(expiresAfter.policyText)")
    }

    /// In the two largest units that say enough: `13d4h`.
    private static func text(_ seconds: Int64) -> String {
        let unit: Int64 = seconds >= 86_400 ? 3_600 : seconds >= 3_600 ? 60 : 1
        return Duration.seconds(seconds / unit * unit).policyText
    }

    /// Whose they say they are, one on a line.
    private static func output(_ certificates: [NIOSSLCertificate]) -> String? {
        let lines = certificates.map { certificate in
            String(describing: certificate).replacing("<NIOSSLCertificate;", with: "").replacing(">", with: "")
        }
        return evidence(lines.joined(separator: "\n").utf8)
    }
}
