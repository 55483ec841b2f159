import NIOCore
import NIOHTTPTypes

/// Bounds what one connection can take: finds out whose it is, refuses it where they have too many, and closes it when
/// its client neither sends nor takes within the time it has.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limits: ControlLimits
    private let ledger: ConnectionLedger
    private let identify: @Sendable (Int32) -> Caller?
    private var progress = ConnectionProgress()
    private var isStream = false
    private var timer: Scheduled<Void>?
    /// `nil` until the connection is open, and where it was refused.
    private(set) var caller: Caller?

    /// - Parameter identify: tells by a connected socket who is at its other end.
    init(limits: ControlLimits, ledger: ConnectionLedger, identify: @escaping @Sendable (Int32) -> Caller?) {
        self.limits = limits
        self.ledger = ledger
        self.identify = identify
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { self.admit(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        self.admit(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.release()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.release() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .end = self.unwrapInboundIn(data), self.progress.requestEnded() { self.restartTimer(context) }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch self.unwrapOutboundIn(data) {
        case .head(let head):
            self.isStream = head.headerFields[.contentType] == ServerSentEvents.contentType
            let restarts = self.isStream ? self.progress.endlessAnswerBegan() : self.progress.answerBegan()
            if restarts { self.restartTimer(context) }
            guard self.isStream else { return context.write(data, promise: promise) }
            _ = self.progress.partBegan()
            self.write(data, context, promise) { $0.partTaken() }
        case .body where self.isStream:
            if self.progress.partBegan() { self.restartTimer(context) }
            self.write(data, context, promise) { $0.partTaken() }
        case .body:
            context.write(data, promise: promise)
        case .end:
            self.isStream = false
            self.write(data, context, promise) { $0.answerDelivered() }
        }
    }

    /// - Parameter then: what it means that the client has taken it; whether a new deadline begins.
    private func write(
        _ data: NIOAny, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?,
        then: @escaping @Sendable (inout ConnectionProgress) -> Bool
    ) {
        let promise = promise ?? context.eventLoop.makePromise()
        let bound = NIOLoopBound((guard: self, context: context), eventLoop: context.eventLoop)
        promise.futureResult.whenSuccess {
            let (connectionGuard, context) = bound.value
            if then(&connectionGuard.progress) { connectionGuard.restartTimer(context) }
        }
        context.write(data, promise: promise)
    }

    private func admit(_ context: ChannelHandlerContext) {
        guard self.caller == nil else { return }
        let caller = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable {
            (socket: NIOBSDSocket.Handle) in
            self.identify(socket)
        }
        guard let caller = caller.flatMap({ $0 }), self.ledger.admit(caller) else {
            context.close(promise: nil)
            return
        }
        self.caller = caller
        self.restartTimer(context)
    }

    private func release() {
        self.timer?.cancel()
        self.timer = nil
        if let caller = self.caller { self.ledger.leave(caller) }
        self.caller = nil
    }

    private func restartTimer(_ context: ChannelHandlerContext) {
        self.timer?.cancel()
        self.timer = nil
        guard self.caller != nil else { return }
        let limit: Duration
        switch self.progress.waiting {
        case .request: limit = self.limits.request
        case .answer, .news: return
        case .delivery: limit = self.limits.response
        }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        self.timer = context.eventLoop.scheduleTask(in: TimeAmount(limit)) { bound.value.close(promise: nil) }
    }
}
