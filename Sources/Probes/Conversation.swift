import ResilienceCore

/// What is said over a connection, and what the answers mean: the protocol of a check without its socket.
protocol Conversation: AnyObject {
    /// An answer shows that somebody else is there; else a socket that is connected to itself would pass.
    var answerProvesPeer: Bool { get }
    /// Sent as soon as the connection stands.
    var request: [UInt8] { get }
    /// The connection stands and the request is sent.
    ///
    /// - Returns: a finding where no answer is needed.
    func sent() -> Finding?
    /// Some of the answer has come; what is in `bytes` is gone after the call.
    ///
    /// - Returns: a finding as soon as enough has come.
    func received(_ bytes: UnsafeRawBufferPointer) -> Finding?
    /// The other side will send nothing more.
    func ended(peer: String) -> Finding
    /// What is being waited for, as a message continues after "timed out": `waiting for the response`.
    var phase: String { get }
    /// What has come so far, as evidence.
    var output: String? { get }
}
