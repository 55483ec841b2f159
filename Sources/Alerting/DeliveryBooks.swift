import Supervisor
import Synchronization

/// How the delivery goes, for whoever asks from another thread.
final class DeliveryBooks: Sendable {
    private let state = Mutex(AlertFigures())

    var figures: AlertFigures { self.state.withLock { $0 } }

    func waiting(_ count: Int) { self.state.withLock { $0.waiting = count } }

    /// - Parameter settlement: what one delivery came to.
    func settled(_ settlement: ChannelQueue.Settlement, channel: String, waiting: Int) {
        self.state.withLock { figures in
            figures.waiting = waiting
            figures.delivered[channel, default: 0] += UInt64(settlement.delivered.count)
            figures.givenUp[channel, default: 0] += UInt64(settlement.givenUp.count)
            figures.failed[channel, default: 0] += settlement.reason == nil ? 0 : 1
        }
    }
}
