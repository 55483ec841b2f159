import Policy

/// How an attempt to deliver a group ended. No case holds a secret: no token, no URL beyond its host, nothing that the
/// other side answered.
enum DeliveryOutcome: Hashable, Sendable {
    case delivered
    /// The other side is away, slow or busy: tried again until it works, not before `after` where that is given.
    case retry(reason: String, after: Duration? = nil)
    /// The other side will not have it.
    ///
    /// - Parameter isAboutMessage: this message is the reason (too large, malformed), rather than the channel's set-up
    ///   (a wrong token, a wrong address).
    case refused(reason: String, isAboutMessage: Bool)
}

/// Carries a group to where a channel leads. Returns in bounded time, whatever the other side does.
protocol AlertSender: Sendable {
    func deliver(_ group: AlertGroup, to channel: Channel) async -> DeliveryOutcome
}
