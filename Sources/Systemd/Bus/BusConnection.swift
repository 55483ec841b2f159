import CSystemd
import Glibc

/// One connection to systemd, used on the bus thread only.
///
/// Every call ends exactly once: with its reply, an error, its timeout, or the end of the connection.
final class BusConnection {
    /// A call waiting for its reply; sd-bus holds an unowned pointer to it.
    private final class PendingCall {
        unowned let connection: BusConnection
        let what: String
        let unit: String?
        let complete: (Result<BusMessage, SystemdError>) -> Void

        init(
            _ connection: BusConnection, what: String, unit: String?,
            complete: @escaping (Result<BusMessage, SystemdError>) -> Void
        ) {
            self.connection = connection
            self.what = what
            self.unit = unit
            self.complete = complete
        }
    }

    let route: BusRoute
    private var bus: OpaquePointer?
    private var pending: [ObjectIdentifier: PendingCall] = [:]
    private let onSignal: (BusMessage) -> Void

    /// Connects without waiting; calls may be made at once.
    ///
    /// - Throws: where nobody listens there.
    init(_ route: BusRoute, onSignal: @escaping (BusMessage) -> Void) throws(SystemdError) {
        self.route = route
        self.onSignal = onSignal
        var bus: OpaquePointer?
        var result = sd_bus_new(&bus)
        if result >= 0 { result = sd_bus_set_address(bus, route.address) }
        if result >= 0, !route.isPrivate { result = sd_bus_set_bus_client(bus, 1) }
        if result >= 0 { result = sd_bus_start(bus) }
        guard result >= 0 else {
            sd_bus_unref(bus)
            throw .unreachable(route.address, errno: -result)
        }
        self.bus = bus
        sd_bus_add_filter(
            bus, nil,
            { raw, context, _ in
                guard let raw, let context else { return 0 }
                let message = BusMessage(raw: raw)
                guard message.isSignal else { return 0 }
                Unmanaged<BusConnection>.fromOpaque(context).takeUnretainedValue().onSignal(message)
                return 0
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { self.close() }

    /// Handles what has arrived, until nothing is left or `isInterrupted` says that something is more urgent.
    ///
    /// - Returns: 0, or the (positive) errno with which the connection broke.
    func process(unless isInterrupted: () -> Bool) -> Int32 {
        while let bus = self.bus {
            let result = sd_bus_process(bus, nil)
            if result < 0 { return -result }
            if result == 0 || isInterrupted() { return 0 }
        }
        return ENOTCONN
    }

    var wait: BusWait {
        guard let bus = self.bus else { return .nothing }
        let descriptor = sd_bus_get_fd(bus)
        let wanted = sd_bus_get_events(bus)
        guard descriptor >= 0, wanted >= 0 else { return .nothing }
        var events: UInt32 = 0
        if wanted & POLLIN != 0 { events |= EPOLLIN.rawValue }
        if wanted & POLLOUT != 0 { events |= EPOLLOUT.rawValue }
        var microseconds = UInt64.max
        let hasDeadline = sd_bus_get_timeout(bus, &microseconds) > 0 && microseconds != UInt64.max
        let deadline = hasDeadline ? Int64(clamping: microseconds).multipliedReportingOverflow(by: 1_000) : (0, true)
        return BusWait(descriptor: descriptor, events: events, deadline: deadline.1 ? nil : deadline.0)
    }

    /// Ends the connection; calls without a reply end with `disconnected`.
    func close() {
        guard let bus = self.bus else { return }
        self.bus = nil
        sd_bus_close(bus)
        sd_bus_unref(bus)
        let unanswered = self.pending.values
        self.pending = [:]
        for call in unanswered { call.complete(.failure(.disconnected(call.what))) }
    }

    /// Calls a method and returns at once; `complete` is called later, exactly once, unless it was called before this
    /// returns, because the call could not be sent.
    ///
    /// - Parameters:
    ///   - what: for an error: `Could not restart web.service.`
    ///   - timeout: how long to wait for the reply.
    func call(
        _ method: BusMethod, what: String, unit: String? = nil, timeout: Duration = .seconds(25),
        arguments: (BusArguments) -> Void = { _ in }, complete: @escaping (Result<BusMessage, SystemdError>) -> Void
    ) {
        guard let bus = self.bus else { return complete(.failure(.disconnected(what))) }
        var message: OpaquePointer?
        var result = sd_bus_message_new_method_call(
            bus, &message, method.destination, method.path, method.interface, method.member)
        guard result >= 0, let message else {
            return complete(.failure(.call(what, unit: unit, name: nil, message: nil, errno: -result)))
        }
        defer { sd_bus_message_unref(message) }
        arguments(BusArguments(raw: message))
        let call = PendingCall(self, what: what, unit: unit, complete: complete)
        self.pending[ObjectIdentifier(call)] = call
        result = sd_bus_call_async(
            bus, nil, message,
            { raw, context, _ in
                guard let raw, let context else { return 0 }
                let call = Unmanaged<PendingCall>.fromOpaque(context).takeUnretainedValue()
                call.connection.finish(call, BusMessage(raw: raw))
                return 0
            }, Unmanaged.passUnretained(call).toOpaque(), UInt64(max(1, timeout.inNanosecondsClamped / 1_000)))
        if result < 0 {
            self.pending[ObjectIdentifier(call)] = nil
            complete(.failure(.call(what, unit: unit, name: nil, message: nil, errno: -result)))
        }
    }

    private func finish(_ call: PendingCall, _ message: BusMessage) {
        guard self.pending.removeValue(forKey: ObjectIdentifier(call)) != nil else { return }
        guard sd_bus_message_is_method_error(message.raw, nil) > 0 else { return call.complete(.success(message)) }
        let error = sd_bus_message_get_error(message.raw)?.pointee
        call.complete(
            .failure(
                .call(
                    call.what, unit: call.unit, name: error?.name.map { String(cString: $0) },
                    message: error?.message.map { String(cString: $0) },
                    errno: sd_bus_message_get_errno(message.raw))))
    }
}

/// Which method of which object.
struct BusMethod {
    var destination = "org.freedesktop.systemd1"
    var path: String
    var interface: String
    var member: String

    /// A method of systemd's manager object.
    static func manager(_ member: String) -> BusMethod {
        BusMethod(
            path: "/org/freedesktop/systemd1", interface: "org.freedesktop.systemd1.Manager", member: member)
    }

    /// `org.freedesktop.DBus.Properties.Get`; its arguments are an interface and a property.
    static func property(of path: String) -> BusMethod {
        BusMethod(path: path, interface: "org.freedesktop.DBus.Properties", member: "Get")
    }

    /// A method of the bus daemon itself.
    static func busDaemon(_ member: String) -> BusMethod {
        BusMethod(
            destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus",
            member: member)
    }
}
