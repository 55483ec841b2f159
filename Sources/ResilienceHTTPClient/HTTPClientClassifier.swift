import AsyncHTTPClient
public import Resilience
import ResilienceCore
import ResilienceNIO

/// Knows the errors of AsyncHTTPClient and, below them, those of SwiftNIO. A status is no error of theirs: throw one
/// that is an `HTTPStatusError` where it means failure.
public struct HTTPClientClassifier: ErrorClassifier {
    private static let timeouts: [HTTPClientError] = [
        .readTimeout, .writeTimeout, .connectTimeout, .deadlineExceeded, .getConnectionFromPoolTimeout,
        .socksHandshakeTimeout, .httpProxyHandshakeTimeout, .tlsHandshakeTimeout,
    ]
    /// The other side, or what lies between, did not keep to what was begun.
    private static let connections: [HTTPClientError] = [
        .remoteConnectionClosed, .uncleanShutdown, .requestStreamCancelled,
    ]
    private static let answers: [HTTPClientError] = [.invalidProxyResponse]
    private static let settings: [HTTPClientError] = [
        .alreadyShutdown, .redirectLimitReached, .redirectCycleDetected, .invalidRedirectConfiguration,
        .invalidHTTPVersionConfiguration, .invalidDNSOverridesConfiguration, .invalidLocalAddress,
        .invalidProxyConfiguration,
    ]
    private static let requests: [HTTPClientError] = [
        .invalidURL, .emptyHost, .missingSocketPath, .emptyScheme, .identityCodingIncorrectlyPresent,
        .contentLengthMissing, .traceRequestWithBody, .bodyLengthMismatch,
        .writeAfterRequestSent,
    ]
    private static let reasons: [(errors: [HTTPClientError], reason: FailureReason)] = [
        (Self.timeouts, .timeout), (Self.connections, .connection), (Self.answers, .unexpectedBody),
        (Self.settings, .misconfigured), (Self.requests, .invalidRequest), ([.proxyAuthenticationRequired], .authError),
    ]

    public init() {}

    public func classify(_ error: any Error) -> Classification? {
        guard let error = error as? HTTPClientError else { return NIOClassifier().classify(error) }
        // Cancelled by the caller: says nothing.
        guard error != .cancelled else { return nil }
        return Classification(Self.reasons.first { $0.errors.contains(error) }?.reason ?? .other)
    }
}
