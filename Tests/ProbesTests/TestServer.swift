import Glibc
import Synchronization

/// A TCP server on loopback, or a Unix socket, whose connections are handled by a closure on a thread of their own.
final class TestServer: Sendable {
    let port: Int
    private let listener: Int32

    /// - Parameters:
    ///   - path: a Unix socket's path instead of a loopback port.
    ///   - backlog: how many connections the kernel takes before they are accepted.
    ///   - handler: gets the connection, which is closed when it returns; `nil`: nothing is ever accepted.
    init(path: String? = nil, backlog: Int32 = 512, handler: (@Sendable (Connection) -> Void)?) {
        let listener = socket(path == nil ? AF_INET : AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        self.listener = listener
        if let path {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            Self.bind(listener, &address)
            self.port = 0
        } else {
            var address = Self.loopback(port: 0)
            Self.bind(listener, &address)
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(listener, $0, &length) }
            }
            self.port = Int(UInt16(bigEndian: address.sin_port))
        }
        precondition(listen(self.listener, backlog) == 0)
        guard let handler else { return }
        inThread {
            while true {
                let fd = accept(listener, nil, nil)
                guard fd >= 0 else { return }
                inThread {
                    handler(Connection(fd: fd))
                    close(fd)
                }
            }
        }
    }

    deinit {
        shutdown(self.listener, Int32(SHUT_RDWR))
        close(self.listener)
    }

    /// A port where nobody listens.
    static func deadPort() -> Int {
        let server = TestServer(handler: nil)
        return server.port
    }

    /// A port where nobody listens, in the range and of the parity from which the kernel gives local ports to
    /// connections first (listeners get the other parity).
    static func deadLocalPort() -> Int {
        for port in stride(from: 40_000, to: 60_000, by: 2) {
            let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
            defer { close(fd) }
            var address = Self.loopback(port: port)
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if result == 0 { return port }
        }
        preconditionFailure("every even port from 40000 is taken")
    }

    static func loopback(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func bind<T>(_ fd: Int32, _ address: inout T) {
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(fd, $0, socklen_t(MemoryLayout<T>.size))
            }
        }
        precondition(result == 0, String(cString: strerror(errno)))
    }

    /// Answers every request with these bytes and closes.
    static func answering(_ bytes: String) -> TestServer {
        TestServer { connection in
            _ = connection.readHead()
            connection.send(bytes)
        }
    }
}

struct Connection: Sendable {
    let fd: Int32

    /// - Returns: whether the other side still took it.
    @discardableResult
    func send(_ text: String) -> Bool { self.send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(self.fd, $0.baseAddress.map { $0 + sent }, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Reads up to the end of a request's head.
    func readHead() -> String {
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            var byte: UInt8 = 0
            guard read(self.fd, &byte, 1) == 1 else { break }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads so many bytes, or fewer where the other side ends first.
    func receive(count: Int) -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while bytes.count < count, Glibc.read(self.fd, &byte, 1) == 1 { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Waits until the other side has gone away.
    func waitForClose() {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        while read(self.fd, &bytes, bytes.count) > 0 {}
    }

    /// Says that nothing more will come.
    func endSending() { shutdown(self.fd, Int32(SHUT_WR)) }

    /// Makes the closing of this connection a reset.
    func resetOnClose() {
        // struct linger { on, seconds }
        var reset: [Int32] = [1, 0]
        setsockopt(self.fd, SOL_SOCKET, SO_LINGER, &reset, 8)
    }

    /// Lets a little time pass between two pieces of an answer (the pace of a slow server, not a wait for anything).
    func pause(milliseconds: UInt32) { usleep(milliseconds * 1_000) }
}

func inThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let result = pthread_create(
        &thread, nil,
        { argument in
            if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
            return nil
        }, Unmanaged.passRetained(Box(body)).toOpaque())
    precondition(result == 0)
    pthread_detach(thread)
}
