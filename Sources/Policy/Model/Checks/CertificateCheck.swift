import ResilienceCore

/// Certificates are valid, and stay so for a while.
public struct CertificateCheck: Hashable, Sendable {
    public enum Source: Hashable, Sendable {
        /// A PEM file with one or more certificates.
        case file(String)
        /// What a TLS server shows: its own certificate and those that vouch for it.
        case server(host: String, port: Int)
    }

    public var source: Source
    /// How long all of them must be valid at least.
    public var expiresAfter: Duration

    public init(source: Source, expiresAfter: Duration = .seconds(14 * 86_400)) {
        self.source = source
        self.expiresAfter = expiresAfter
    }
}
