/// A `unix` check: the socket accepts, nothing is said.
final class UnixConversation: Conversation {
    let request: [UInt8] = []
    let answerProvesPeer = false
    let phase = "connecting"
    let output: String? = nil

    func sent() -> Finding? { .up }
    func received(_ bytes: UnsafeRawBufferPointer) -> Finding? { .up }
    func ended(peer: String) -> Finding { .up }
}
