import Glibc

/// Where systemd is to be reached.
public enum BusAddress: Hashable, Sendable, CustomStringConvertible {
    /// The system's service manager. As root over systemd's private socket, which is faster (no dbus-daemon between, no
    /// look-up of who calls) and works while dbus-daemon is down; otherwise, or where that socket does not answer, over
    /// the system bus.
    case system
    /// The service manager of the calling user; its private socket first, then the user bus.
    case user
    /// A D-Bus address, e.g. `unix:path=/run/dbus/system_bus_socket`. One that ends in `/systemd/private` is spoken to
    /// without a bus.
    case address(String)

    /// `system`, `user`, or anything else as a D-Bus address.
    public init(_ text: String) {
        switch text {
        case "system": self = .system
        case "user": self = .user
        default: self = .address(text)
        }
    }

    public var description: String {
        switch self {
        case .system: "system"
        case .user: "user"
        case .address(let address): address
        }
    }

    /// The ways to try, best first.
    var routes: [BusRoute] {
        switch self {
        case .system:
            let bus = BusRoute(address: Self.systemBusAddress, isPrivate: false)
            return geteuid() == 0 ? [BusRoute(address: "unix:path=/run/systemd/private", isPrivate: true), bus] : [bus]
        case .user:
            let runtime = Self.environment("XDG_RUNTIME_DIR") ?? "/run/user/\(geteuid())"
            let escaped = Self.escaped(runtime)
            let bus = Self.environment("DBUS_SESSION_BUS_ADDRESS") ?? "unix:path=\(escaped)/bus"
            return [
                BusRoute(address: "unix:path=\(escaped)/systemd/private", isPrivate: true),
                BusRoute(address: bus, isPrivate: false),
            ]
        case .address(let address):
            return [BusRoute(address: address, isPrivate: address.hasSuffix("/systemd/private"))]
        }
    }

    private static var systemBusAddress: String {
        self.environment("DBUS_SYSTEM_BUS_ADDRESS") ?? "unix:path=/run/dbus/system_bus_socket"
    }

    private static func environment(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    /// D-Bus specification, "Server Addresses": all but a few characters are written as `%` and two digits.
    private static func escaped(_ path: String) -> String {
        let hexadecimal = Array("0123456789abcdef")
        return path.utf8.reduce(into: "") { text, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "/"),
                UInt8(ascii: "."):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                text.append("%")
                text.append(hexadecimal[Int(byte >> 4)])
                text.append(hexadecimal[Int(byte & 15)])
            }
        }
    }
}

/// One way to reach systemd.
struct BusRoute: Hashable, Sendable {
    var address: String
    /// systemd itself is at the other end: no bus daemon, no match rules, all its signals arrive.
    var isPrivate: Bool
}
