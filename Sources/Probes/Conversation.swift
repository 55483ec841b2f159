import Policy
import ResilienceCore

/// What is said over a connection, and what the answers mean: the protocol of a check without its socket.
protocol Conversation: AnyObject {
    /// An answer shows that somebody else is there; else a socket that is connected to itself would pass.
    var answerProvesPeer: Bool { get }
    /// Sent as soon as the connection stands.
    var request: [UInt8] { get }
    /// The connection stands and the request is sent.
    ///
    /// - Returns: an outcome where no answer is needed.
    func sent() -> Outcome?
    /// Some of the answer has come; what is in `bytes` is gone after the call.
    ///
    /// - Returns: an outcome as soon as enough has come.
    func received(_ bytes: UnsafeRawBufferPointer) -> Outcome?
    /// What must be sent before more can come; asked for after each piece of an answer.
    func takeReply() -> [UInt8]
    /// The other side will send nothing more.
    func ended(peer: String) -> Outcome
    /// What is being waited for, as a message continues after "timed out": `waiting for the response`.
    var phase: String { get }
    /// What has come so far, as evidence.
    var output: String? { get }
}

extension Conversation {
    func takeReply() -> [UInt8] { [] }
}

/// What a conversation came to.
enum Outcome {
    case finding(Finding)
    /// All has come, and judging it takes longer than the thread that watches all connections has. Whoever judges gives
    /// up by itself at the deadline.
    case judge(@Sendable (_ deadline: MonotonicInstant) -> Finding)
    /// The same address is to be asked once more, on a new connection.
    case again(any Conversation)

    static var up: Outcome { .finding(.up) }

    static func down(_ reason: FailureReason, _ message: String, output: String? = nil) -> Outcome {
        .finding(.down(reason, message, output: output))
    }

    static func unknown(_ message: String, reason: FailureReason = .other) -> Outcome {
        .finding(.unknown(message, reason: reason))
    }
}
