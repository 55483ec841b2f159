/// The loop's inbox. It exists before the loop, because the adapters that fill it are made before the loop that needs
/// them.
public final class SupervisorInbox: Sendable {
    let mailbox = Mailbox()

    public init() {}

    /// Where adapters put what they saw.
    public var sink: EventSink {
        { [mailbox] event in mailbox.put(.event(event)) }
    }
}
