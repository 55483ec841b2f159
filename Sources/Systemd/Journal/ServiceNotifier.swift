import CSystemd
import ResilienceCore
import Supervisor

/// This process as the service manager sees it.
public struct SystemdNotifier: ServiceNotifier {
    public init() {}

    public func notify(_ state: String) { sd_notify(0, state) }

    /// - SeeAlso: sd_watchdog_enabled(3): `$WATCHDOG_USEC`, where `$WATCHDOG_PID` is this process or absent.
    public var watchdogInterval: Duration? {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0, microseconds > 0 else { return nil }
        return .microseconds(Int64(clamping: microseconds))
    }
}
