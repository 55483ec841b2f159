import NIOSSL
import Policy
import ResilienceCore

/// Another conversation, held over TLS.
final class TLSConversation: Conversation {
    let request: [UInt8]
    /// What comes back where a socket is connected to itself is no handshake.
    let answerProvesPeer = false
    private let inner: any Conversation
    private let context: NIOSSLContext
    private let trust: TLSTrust
    private let host: String
    private let port: Int
    private let session: TLSSession

    private init(_ inner: any Conversation, host: String, port: Int, trust: TLSTrust, context: NIOSSLContext) throws {
        self.inner = inner
        self.host = host
        self.port = port
        self.trust = trust
        self.context = context
        self.session = try TLSSession(context: context, host: host, port: port, first: inner.request)
        self.request = self.session.takeOutgoing()
    }

    static func wrapping(
        _ inner: any Conversation, host: String, port: Int, trust: TLSTrust, _ context: TLSContexts.Answer
    ) -> Result<any Conversation, TLSUnavailable> {
        context.flatMap { context in
            do {
                return .success(try TLSConversation(inner, host: host, port: port, trust: trust, context: context))
            } catch {
                return .failure(TLSUnavailable(why: "no TLS can be spoken: \(TLSErrorText.text(error))"))
            }
        }
    }

    func sent() -> Outcome? { nil }

    func received(_ bytes: UnsafeRawBufferPointer) -> Outcome? {
        var outcome: Outcome?
        self.session.receive(bytes) { plain in
            if outcome == nil { outcome = self.inner.received(plain) }
        }
        if let outcome { return self.wrapped(outcome) }
        if let failure = self.session.failure { return self.failed(failure) }
        return self.session.isEnded ? self.wrapped(self.inner.ended(peer: self.peer)) : nil
    }

    func takeReply() -> [UInt8] { self.session.takeOutgoing() }

    /// Many servers close without a word of TLS about it; whether something is missing, the inner protocol knows.
    func ended(peer: String) -> Outcome {
        guard self.session.isEstablished else {
            return .down(.connection, "\(peer) closed the connection during the TLS handshake")
        }
        return self.wrapped(self.inner.ended(peer: peer))
    }

    var phase: String { self.session.isEstablished ? self.inner.phase : "waiting for the TLS handshake" }

    var output: String? { self.inner.output }

    private var peer: String { "\(self.host):\(self.port)" }

    /// The same certificate may be another one by now: a new connection is a new session.
    private func wrapped(_ outcome: Outcome) -> Outcome {
        guard case .again(let inner) = outcome else { return outcome }
        switch Self.wrapping(inner, host: self.host, port: self.port, trust: self.trust, .success(self.context)) {
        case .success(let conversation): return .again(conversation)
        case .failure(let problem): return .unknown(problem.why, reason: .resource)
        }
    }

    private func failed(_ error: any Error) -> Outcome {
        guard TLSErrorText.isAboutCertificate(error) else {
            let what = self.session.isEstablished ? "session" : "handshake"
            return .down(.connection, "the TLS \(what) with \(self.peer) failed: \(TLSErrorText.text(error))")
        }
        let judge: String
        switch self.trust {
        case .system, .anyone: judge = "the certificate authorities of this machine"
        case .file(let path): judge = path
        }
        return .down(
            .certificate,
            "the certificate of \(self.peer) is not valid for \(self.host) by \(judge): \(TLSErrorText.text(error))")
    }
}
