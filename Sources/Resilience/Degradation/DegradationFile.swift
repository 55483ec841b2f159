import FoundationEssentials
import Glibc
import ResilienceCore

/// One look at `degradation.json`: cheap where it has not been written since the last.
struct DegradationFile: Sendable {
    /// Tells one writing of the file from the next.
    struct Writing: Hashable, Sendable {
        var device: UInt
        var inode: UInt
        var seconds: Int
        var nanoseconds: Int
        var size: Int
    }

    enum Look: Sendable {
        case unchanged
        case written(Writing, DegradationNotice, age: Duration)
        case problem(DegradationProblem, Writing?)
    }

    /// More than any policy needs; bounds memory and time whatever lies there.
    static let bytesMax = 65_536

    let path: String

    /// - Parameter known: the last one that was looked at, which need not be read again.
    func look(known: Writing?) -> Look {
        // Never waits, whatever lies there.
        let descriptor = open(self.path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else {
            return .problem(errno == ENOENT || errno == ENOTDIR ? .missing : .unreadable(errno: errno), nil)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .problem(.unreadable(errno: errno), nil) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .problem(.unreadable(errno: EINVAL), nil) }
        let writing = Writing(
            device: UInt(status.st_dev), inode: UInt(status.st_ino), seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec, size: Int(status.st_size))
        guard writing != known else { return .unchanged }
        guard let bytes = self.bytes(of: descriptor) else { return .problem(.unreadable(errno: errno), writing) }
        guard bytes.count <= Self.bytesMax,
            let notice = try? JSONDecoder().decode(DegradationNotice.self, from: Data(bytes))
        else { return .problem(.malformed, writing) }
        return .written(writing, notice, age: Self.age(status))
    }

    /// At most one byte more than there may be; `nil` with errno(3) where it cannot be read.
    private func bytes(of descriptor: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4_096)
        while bytes.count <= Self.bytesMax {
            let count = read(descriptor, &piece, min(piece.count, Self.bytesMax + 1 - bytes.count))
            if count == 0 { break }
            if count < 0, errno != EINTR { return nil }
            bytes += piece.prefix(max(0, count))
        }
        return bytes
    }

    /// How long ago it was written; a file from the future was written now.
    private static func age(_ status: stat) -> Duration {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let seconds = now.tv_sec.subtractingReportingOverflow(status.st_mtim.tv_sec)
        guard !seconds.overflow else { return .zero }
        return max(
            .zero, .seconds(seconds.partialValue) + .nanoseconds(Int64(now.tv_nsec - status.st_mtim.tv_nsec)))
    }
}
