import Glibc
import ResilienceCore

/// A connected Unix-domain stream socket whose every operation has the same deadline, until that is set anew. Blocks.
struct UnixStream: ~Copyable {
    /// A system call that failed.
    struct Failure: Error, Hashable {
        var call: String
        var errno: Int32
    }

    let descriptor: Int32
    private var deadline: Int64

    /// - Throws: `Failure`; `ETIMEDOUT` where the deadline passed, `ENAMETOOLONG` for a path that fits no address.
    init(path: String, timeout: Duration) throws(Failure) {
        self.descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        self.deadline = Self.now() + timeout.inNanoseconds
        guard self.descriptor >= 0 else { throw Failure(call: "socket", errno: Glibc.errno) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path), !bytes.contains(0) else {
            throw Failure(call: "connect", errno: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        // A full backlog makes connect wait; the send time-out bounds that (socket(7)).
        var limit = timeval(tv_sec: Int(timeout.components.seconds), tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Failure(call: "connect", errno: Glibc.errno) }
    }

    mutating func restartDeadline(_ timeout: Duration) { self.deadline = Self.now() + timeout.inNanoseconds }

    deinit { if self.descriptor >= 0 { close(self.descriptor) } }

    func send(_ bytes: [UInt8]) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            try self.wait(for: POLLOUT)
            let count = rest.withUnsafeBytes { buffer in
                Glibc.send(self.descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, Glibc.errno == EINTR { continue }
            guard count >= 0 else { throw Failure(call: "send", errno: Glibc.errno) }
            rest = rest.dropFirst(count)
        }
    }

    /// - Returns: the next bytes, none at the end.
    func receive() throws(Failure) -> [UInt8] {
        while true {
            try self.wait(for: POLLIN)
            var failure: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: 64 * 1024) { buffer, count in
                let received = recv(self.descriptor, buffer.baseAddress, buffer.count, 0)
                if received < 0 { failure = Glibc.errno }
                count = max(0, received)
            }
            if failure == 0 { return bytes }
            guard failure == EINTR else { throw Failure(call: "recv", errno: failure) }
        }
    }

    private func wait(for events: Int32) throws(Failure) {
        while true {
            let left = (self.deadline - Self.now()) / 1_000_000
            guard left > 0 else { throw Failure(call: "poll", errno: ETIMEDOUT) }
            var entry = pollfd(fd: self.descriptor, events: Int16(events), revents: 0)
            let count = poll(&entry, 1, Int32(clamping: left))
            if count > 0 { return }
            if count < 0, Glibc.errno != EINTR { throw Failure(call: "poll", errno: Glibc.errno) }
        }
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
