import NIOCore
import NIOEmbedded
import NIOSSL

/// One side of TLS without a socket: bytes go in and come out.
///
/// Everything happens on the thread that made it, its end too.
final class TLSSession {
    private let channel = EmbeddedChannel()
    private var handshakeBytes = 0
    /// Both sides have agreed; what has been written so far is on its way.
    private(set) var isEstablished = false
    /// Why nothing more will come or go.
    private(set) var failure: (any Error)?

    /// No sensible handshake is longer.
    private static let handshakeBytesMax = 1 << 18

    /// Looks at the certificates that the other side shows instead of having them verified.
    typealias Inspection = ([NIOSSLCertificate]) -> NIOSSLVerificationResult

    /// - Parameters:
    ///   - host: whom to ask for, and in whose name the certificate must be: a name or an address.
    ///   - first: sent as soon as both sides have agreed.
    init(context: NIOSSLContext, host: String, port: Int, first: [UInt8], inspecting inspection: Inspection? = nil)
        throws
    {
        let address = try? NIOCore.SocketAddress(ipAddress: host, port: port)
        // An address is no server name (RFC 6066, section 3); the certificate is then held against it alone.
        let name = address == nil ? host : nil
        let handler: NIOSSLClientHandler
        if let inspection {
            let unchecked = UncheckedInspection(inspect: inspection)
            handler = try NIOSSLClientHandler(context: context, serverHostname: name) { certificates, promise in
                promise.succeed(unchecked.inspect(certificates))
            }
        } else {
            handler = try NIOSSLClientHandler(context: context, serverHostname: name)
        }
        try self.channel.pipeline.syncOperations.addHandler(handler)
        // Nothing is connected to; the address is what certificates for addresses are held against.
        let peer = try address ?? NIOCore.SocketAddress(ipAddress: "127.0.0.1", port: port)
        self.channel.connect(to: peer, promise: nil)
        let promise = self.channel.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess { [weak self] in self?.isEstablished = true }
        self.channel.writeAndFlush(ByteBuffer(bytes: first), promise: promise)
    }

    deinit {
        // A session that is asked to close waits for the other side's word; told that the connection is gone, it does
        // not.
        self.channel.pipeline.fireChannelInactive()
        _ = try? self.channel.finish(acceptAlreadyClosed: true)
    }

    /// Takes what came over the wire.
    ///
    /// - Parameter plain: is given what it meant, piece by piece.
    func receive(_ bytes: UnsafeRawBufferPointer, plain: (UnsafeRawBufferPointer) -> Void) {
        guard self.failure == nil else { return }
        if !self.isEstablished {
            self.handshakeBytes += bytes.count
            guard self.handshakeBytes <= Self.handshakeBytesMax else {
                self.failure = TLSUnavailable(why: "it sends more than a handshake can be")
                return
            }
        }
        do { try self.channel.writeInbound(ByteBuffer(bytes: bytes)) } catch { self.failure = error }
        while let piece = try? self.channel.readInbound(as: ByteBuffer.self) {
            piece.withUnsafeReadableBytes { plain($0) }
        }
    }

    /// The other side has said that it will send nothing more.
    var isEnded: Bool { !self.channel.isActive }

    /// What must go over the wire; asked for again, only what has been added.
    func takeOutgoing() -> [UInt8] {
        var bytes: [UInt8] = []
        while let next = try? self.channel.readOutbound(as: ByteBuffer.self) { bytes += next.readableBytesView }
        return bytes
    }
}

/// `@unchecked Sendable`: the TLS library calls on the session's own thread, which the embedded channel never leaves.
private struct UncheckedInspection: @unchecked Sendable {
    let inspect: TLSSession.Inspection
}

/// What the TLS library says, for people.
enum TLSErrorText {
    /// `wrong version number`
    static func text(_ error: any Error) -> String {
        if let error = error as? TLSUnavailable { return error.why }
        let whole = String(describing: error)
        guard let marker = whole.firstRange(of: "OPENSSL_internal:") else { return String(whole.prefix(200)) }
        return whole[marker.upperBound...].prefix { $0.isUppercase || $0.isNumber || $0 == "_" }
            .lowercased().replacing("_", with: " ")
    }

    /// It is the certificate that the handshake failed for.
    static func isAboutCertificate(_ error: any Error) -> Bool {
        if error is NIOSSLExtraError { return true }
        if case .unableToValidateCertificate? = error as? NIOSSLError { return true }
        if case .noCertificateToValidate? = error as? NIOSSLError { return true }
        return String(describing: error).contains("CERTIFICATE_VERIFY_FAILED")
    }
}
