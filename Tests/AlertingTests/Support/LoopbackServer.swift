import NIOCore
import NIOPosix
import Synchronization

/// What came in over one connection.
struct ReceivedRequest: Hashable, Sendable {
    var head: String
    var body: String

    func header(_ name: String) -> String? {
        for line in self.head.split(separator: "\r\n").dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == name.lowercased() {
                return parts[1].drop(while: { $0 == " " }).description
            }
        }
        return nil
    }
}

/// A real server on the loopback interface that answers as it is told to, in raw bytes.
final class LoopbackServer: Sendable {
    enum Answer: Sendable {
        /// Says this and closes.
        case raw(String)
        /// Reads and says nothing.
        case hang
        /// Says this, then one byte each few milliseconds without end.
        case drip(String)
        /// Closes without a word.
        case close

        static func status(_ line: String, headers: String = "") -> Answer {
            .raw("HTTP/1.1 \(line)\r\nContent-Length: 2\r\nConnection: close\r\n\(headers)\r\nok")
        }
    }

    let requests = Recorder<ReceivedRequest>()
    private let answers: Mutex<[Answer]>
    private let channel: any NIOCore.Channel

    var port: Int { self.channel.localAddress?.port ?? 0 }
    var url: String { "http://127.0.0.1:\(self.port)/hook" }

    /// - Parameter answers: one a connection, in order; the last is given to all that follow.
    init(_ answers: [Answer]) async throws {
        let box = AnswerBox()
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AnsweringHandler(box))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.answers = Mutex(answers)
        box.server.withLock { $0 = self }
    }

    func close() async throws { try await self.channel.close() }

    func setAnswers(_ answers: [Answer]) { self.answers.withLock { $0 = answers } }

    fileprivate func nextAnswer() -> Answer {
        self.answers.withLock { answers in
            guard let first = answers.first else { return .close }
            if answers.count > 1 { answers.removeFirst() }
            return first
        }
    }
}

private final class AnswerBox: Sendable {
    let server = Mutex<LoopbackServer?>(nil)
}

private final class AnsweringHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let box: AnswerBox
    private var received: [UInt8] = []
    private var isAnswered = false

    init(_ box: AnswerBox) { self.box = box }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.received += self.unwrapInboundIn(data).readableBytesView
        guard !self.isAnswered, let server = self.box.server.withLock({ $0 }) else { return }
        let bytes = self.received
        let separator = Array("\r\n\r\n".utf8)
        let starts = bytes.indices.dropLast(3).first { Array(bytes[$0..<$0 + 4]) == separator }
        guard let starts else { return }
        let request = ReceivedRequest(
            head: String(decoding: bytes[..<starts], as: UTF8.self),
            body: String(decoding: bytes[(starts + 4)...], as: UTF8.self))
        guard request.body.utf8.count >= Int(request.header("Content-Length") ?? "0") ?? 0 else { return }
        self.isAnswered = true
        // Chosen before anybody can know of the request and set other answers.
        let answer = server.nextAnswer()
        server.requests.append(request)
        self.answer(answer, context: context)
    }

    private func answer(_ answer: LoopbackServer.Answer, context: ChannelHandlerContext) {
        let channel = context.channel
        switch answer {
        case .raw(let text):
            channel.writeAndFlush(ByteBuffer(string: text)).whenComplete { _ in channel.close(promise: nil) }
        case .hang: return
        case .close: channel.close(promise: nil)
        case .drip(let text):
            channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
            channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(5)) { task in
                guard channel.isActive else { return task.cancel() }
                channel.writeAndFlush(ByteBuffer(string: "x"), promise: nil)
            }
        }
    }
}
