import NIOSSL
import Policy
import ResilienceCore

/// A `certificate` check of a server: a TLS handshake that is given up as soon as the server has shown its certificates.
///
/// Whether somebody vouches for them is not asked, so that no list of authorities is read.
final class CertificateConversation: Conversation {
    let request: [UInt8]
    let answerProvesPeer = false
    let phase = "waiting for the certificate"
    let output: String? = nil

    private let session: TLSSession
    private let shown: Shown
    private let server: String
    private let expiresAfter: Duration

    private final class Shown {
        var certificates: [NIOSSLCertificate] = []
    }

    private static let context: NIOSSLContext? = {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates([])
        // An old server's certificate has dates, too.
        configuration.minimumTLSVersion = .tlsv1
        return try? NIOSSLContext(configuration: configuration)
    }()

    /// - Returns: `nil` where the TLS library refuses the name or has no memory.
    init?(host: String, port: Int, expiresAfter: Duration) {
        guard let context = Self.context else { return nil }
        let shown = Shown()
        let session = try? TLSSession(context: context, host: host, port: port, first: []) { certificates in
            shown.certificates = certificates
            // All is known; the handshake need not go on.
            return .failed
        }
        guard let session else { return nil }
        self.session = session
        self.shown = shown
        self.server = "\(host):\(port)"
        self.expiresAfter = expiresAfter
        self.request = session.takeOutgoing()
    }

    func sent() -> Outcome? { nil }

    func received(_ bytes: UnsafeRawBufferPointer) -> Outcome? {
        self.session.receive(bytes) { _ in }
        if !self.shown.certificates.isEmpty {
            return .finding(
                CertificateDates.judge(self.shown.certificates, of: self.server, expiresAfter: self.expiresAfter))
        }
        return self.session.failure.map {
            .down(.connection, "the TLS handshake with \(self.server) failed: \(TLSErrorText.text($0))")
        }
    }

    /// A server that wants another kind of key exchange gets a second request.
    func takeReply() -> [UInt8] { self.session.takeOutgoing() }

    func ended(peer: String) -> Outcome {
        .down(.connection, "\(peer) closed the connection before it had shown a certificate")
    }
}
