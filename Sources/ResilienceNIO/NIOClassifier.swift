import NIOCore
import NIOPosix
public import Resilience
import ResilienceCore

/// Knows the errors of SwiftNIO: of channels, of system calls, and of connecting by name.
public struct NIOClassifier: ErrorClassifier {
    public init() {}

    public func classify(_ error: any Error) -> Classification? {
        switch error {
        case let error as IOError: Classification(FailureReason(errno: error.errnoCode))
        case let error as ChannelError: Self.reason(of: error).map { Classification($0) }
        case let error as NIOConnectionError: self.classify(error)
        case is SocketAddressError: Classification(.misconfigured)
        default: nil
        }
    }

    /// By the last address that was tried; where there was none, the name could not be looked up, which may pass.
    private func classify(_ error: NIOConnectionError) -> Classification {
        error.connectionErrors.last.flatMap { self.classify($0.error) } ?? Classification(.connection)
    }

    private static func reason(of error: ChannelError) -> FailureReason? {
        switch error {
        case .connectTimeout: .timeout
        case .ioOnClosedChannel, .alreadyClosed, .outputClosed, .inputClosed, .eof, .writeHostUnreachable: .connection
        case .writeMessageTooLarge, .operationUnsupported: .invalidRequest
        case .unknownLocalAddress, .badMulticastGroupAddressFamily, .badInterfaceAddressFamily,
            .illegalMulticastAddress, .multicastNotSupported:
            .misconfigured
        // A mistake of the program's own.
        case .connectPending, .inappropriateOperationForState, .unremovableHandler: .other
        }
    }
}
