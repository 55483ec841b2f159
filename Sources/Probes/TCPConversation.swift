import CProbes
import Policy
import ResilienceCore

/// A `tcp` check: perhaps send something, perhaps expect something within the first 4 KiB.
final class TCPConversation: Conversation {
    let request: [UInt8]
    let answerProvesPeer = false
    private let expected: [UInt8]?
    private var answer: [UInt8] = []
    private static let receivedMax = 4_096

    init(_ check: TCPCheck) {
        self.request = check.send.map { Array($0.utf8) } ?? []
        self.expected = check.expect.map { Array($0.utf8) }
    }

    func sent() -> Outcome? {
        guard let expected = self.expected else { return .up }
        return expected.isEmpty ? .up : nil
    }

    func received(_ bytes: UnsafeRawBufferPointer) -> Outcome? {
        guard let expected = self.expected else { return .up }
        let searched = max(0, self.answer.count - expected.count + 1)
        self.answer.append(contentsOf: bytes.prefix(Self.receivedMax - self.answer.count))
        if contains(self.answer, expected, from: searched) { return .up }
        guard self.answer.count >= Self.receivedMax else { return nil }
        return .down(
            .unexpectedBody, "the first 4 KiB received do not contain \(quotation(expected))", output: self.output)
    }

    func ended(peer: String) -> Outcome {
        let expected = quotation(self.expected ?? [])
        if self.answer.isEmpty {
            return .down(.connection, "\(peer) closed the connection without an answer; expected \(expected)")
        }
        return .down(
            .unexpectedBody,
            "\(peer) closed the connection after \(self.answer.count) bytes, which do not contain \(expected)",
            output: self.output)
    }

    var phase: String { "waiting for the expected answer" }

    var output: String? { evidence(self.answer) }
}

/// Whether `text` contains `part` at or after an offset.
func contains(_ text: [UInt8], _ part: [UInt8], from offset: Int) -> Bool {
    guard !part.isEmpty else { return true }
    return text.withUnsafeBytes { text in
        guard offset < text.count, let start = text.baseAddress else { return false }
        return cprobes_contains(start + offset, text.count - offset, part, part.count)
    }
}
