import Glibc

/// Where a stream socket connects to.
struct SocketAddress: @unchecked Sendable {
    // `@unchecked Sendable`: a plain value of bytes; the C structure is merely not marked.
    private var storage: sockaddr_storage
    private var length: socklen_t

    /// A numeric IPv4 or IPv6 address (the latter perhaps in brackets); `nil` where it is a name.
    init?(numeric host: String, port: Int) {
        guard let port = UInt16(exactly: port) else { return nil }
        var four = sockaddr_in()
        if inet_pton(AF_INET, host, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            self.init(copying: four)
            return
        }
        guard host.utf8.contains(UInt8(ascii: ":")) else { return nil }
        var six = sockaddr_in6()
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        guard inet_pton(AF_INET6, bare, &six.sin6_addr) == 1 else { return nil }
        six.sin6_family = sa_family_t(AF_INET6)
        six.sin6_port = port.bigEndian
        self.init(copying: six)
    }

    /// A socket in the file system; `nil` where the path is too long for the kernel (107 bytes) or empty.
    init?(unixSocket path: String) {
        var address = sockaddr_un()
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path), !bytes.contains(0) else {
            return nil
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        self.init(copying: address)
    }

    /// One result of getaddrinfo(3), without a port.
    init?(_ info: addrinfo) {
        guard let address = info.ai_addr else { return nil }
        switch info.ai_family {
        case AF_INET: self.init(copying: UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self))
        case AF_INET6: self.init(copying: UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self))
        default: return nil
        }
    }

    /// The same address with another port; the port stands at the same place in both families.
    func with(port: Int) -> SocketAddress {
        var copy = self
        let port = UInt16(truncatingIfNeeded: port).bigEndian
        guard !self.isUnix, let offset = MemoryLayout<sockaddr_in>.offset(of: \.sin_port) else { return self }
        withUnsafeMutableBytes(of: &copy.storage) { $0.storeBytes(of: port, toByteOffset: offset, as: UInt16.self) }
        return copy
    }

    /// - Parameter value: one of C's plain address structures.
    private init<T>(copying value: T) {
        self.storage = sockaddr_storage()
        self.length = socklen_t(MemoryLayout<T>.size)
        withUnsafeMutableBytes(of: &self.storage) { storage in
            withUnsafeBytes(of: value) { storage.copyMemory(from: $0) }
        }
    }

    var isUnix: Bool { self.storage.ss_family == sa_family_t(AF_UNIX) }

    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: self.storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, self.length) }
        }
    }

    /// `127.0.0.1:80`, `[::1]:80`, `/run/app.sock`.
    var description: String {
        if self.isUnix {
            return withUnsafeBytes(of: self.storage) { bytes in
                String(decoding: bytes.dropFirst(MemoryLayout<sa_family_t>.size).prefix { $0 != 0 }, as: UTF8.self)
            }
        }
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var service = [CChar](repeating: 0, count: 8)
        let error = self.withSockaddr {
            getnameinfo(
                $0, $1, &host, socklen_t(host.count), &service, socklen_t(service.count),
                Int32(NI_NUMERICHOST | NI_NUMERICSERV))
        }
        guard error == 0 else { return "?" }
        let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let port = String(decoding: service.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return name.utf8.contains(UInt8(ascii: ":")) ? "[\(name)]:\(port)" : "\(name):\(port)"
    }
}
