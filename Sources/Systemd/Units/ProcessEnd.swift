import CSystemd
import Glibc
import RecoveryEngine

/// How a process that has ended and is not reaped yet came to its end, by the kernel's own account.
///
/// - SeeAlso: proc_pid_stat(5), field `exit_code`, which only who may trace the process gets to see; pidfd_send_signal(2).
struct ProcessEnd: Hashable, Sendable {
    var kind: ProcessExit.Kind
    var status: Int32

    /// - Parameters:
    ///   - descriptor: a pidfd of the process; proves that the number still means it.
    /// - Returns: `nil` where the process is not a zombie (any more).
    init?(of pid: Int32, descriptor: Int32) {
        let end = withUnsafeTemporaryAllocation(byteCount: 2_048, alignment: 1) { buffer -> ProcessEnd? in
            let file = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return nil }
            defer { close(file) }
            let count = read(file, buffer.baseAddress, buffer.count)
            return count > 0 ? ProcessEnd(stat: buffer.prefix(count)) : nil
        }
        // Reaped meanwhile, its number might be a stranger's.
        guard let end, heald_pidfd_exists(descriptor) == 0 else { return nil }
        self = end
    }

    /// - Parameter stat: what `/proc/PID/stat` says.
    init?(stat: some BidirectionalCollection<UInt8>) {
        // The name is the program's to choose: spaces and parentheses included.
        guard let nameEnd = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        var fields = stat[nameEnd...].dropFirst(2).split(separator: UInt8(ascii: " ")).makeIterator()
        guard fields.next()?.first == UInt8(ascii: "Z") else { return nil }
        // `state` is the third field, `exit_code` the 52nd and last.
        for _ in 4..<52 { guard fields.next() != nil else { return nil } }
        guard let digits = fields.next()?.prefix(while: { $0 != UInt8(ascii: "\n") }),
            let status = Int32(String(decoding: digits, as: UTF8.self))
        else { return nil }
        let signal = status & 0x7F
        if signal == 0 {
            self.init(kind: .exited, status: (status >> 8) & 0xFF)
        } else {
            self.init(kind: status & 0x80 == 0 ? .killed : .dumped, status: signal)
        }
    }

    private init(kind: ProcessExit.Kind, status: Int32) {
        self.kind = kind
        self.status = status
    }

    /// It may be the answer to a stop, or success; systemd's word decides.
    ///
    /// - SeeAlso: systemd.service(5), `SuccessExitStatus=`.
    var isCleanToSystemd: Bool {
        switch self.kind {
        case .exited: self.status == 0
        case .killed: [SIGHUP, SIGINT, SIGTERM, SIGPIPE].contains(self.status)
        case .dumped: false
        }
    }

    /// systemd's `Result` for such an end.
    var result: String {
        switch self.kind {
        case .exited: "exit-code"
        case .killed: "signal"
        case .dumped: "core-dump"
        }
    }
}
