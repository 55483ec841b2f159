/// A `unix` check: the socket accepts, nothing is said.
final class UnixConversation: Conversation {
    let request: [UInt8] = []
    let answerProvesPeer = false
    let phase = "connecting"
    let output: String? = nil

    func sent() -> Outcome? { .up }
    func received(_ bytes: UnsafeRawBufferPointer) -> Outcome? { .up }
    func ended(peer: String) -> Outcome { .up }
}
