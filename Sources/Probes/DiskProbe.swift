import Glibc
import Policy

/// Looks at a file system, by a call that may block: for `BlockingChecks` only.
enum DiskProbe {
    static func look(_ check: DiskCheck) -> Finding {
        var status = statvfs()
        guard statvfs(check.path, &status) == 0 else { return self.failed(check.path, errno) }
        let unit = Double(status.f_frsize)
        // As df(1) counts: what root alone may use is neither free nor part of the whole.
        let free = Double(status.f_bavail) * unit
        let whole = (Double(status.f_blocks) - Double(status.f_bfree)) * unit + free
        switch check.free {
        case .bytes(let least) where free < Double(least):
            return .down(
                .resource, "\(check.path): \(self.text(free)) free; at least \(bytesText(least)) are expected")
        case .share(let least) where whole > 0 && free / whole < least:
            return .down(
                .resource,
                "\(check.path): \(self.percent(free / whole)) free (\(self.text(free)) of \(self.text(whole))); "
                    + "at least \(self.percent(least)) are expected")
        case .share where whole <= 0:
            return .unknown("\(check.path) is on a file system that does not tell its size", reason: .misconfigured)
        default: break
        }
        guard let least = check.freeInodes else { return .up }
        guard status.f_files > 0 else {
            return .unknown("\(check.path) is on a file system that does not count inodes", reason: .misconfigured)
        }
        let share = Double(status.f_favail) / Double(status.f_files)
        guard share < least else { return .up }
        return .down(
            .resource,
            "\(check.path): \(self.percent(share)) of its inodes free; at least \(self.percent(least)) are expected")
    }

    private static func failed(_ path: String, _ error: Int32) -> Finding {
        switch error {
        case ENOENT, ENOTDIR, ELOOP: .down(.notFound, "there is nothing at \(path)")
        case EACCES, EPERM, ENOSYS:
            .unknown("\(path) may not be looked at by this process: \(errorText(error))", reason: .misconfigured)
        case EMFILE, ENFILE, ENOMEM, EINTR:
            .unknown("\(path) could not be looked at: \(errorText(error))", reason: .resource)
        default: .down(.resource, "the file system of \(path) does not answer: \(errorText(error))")
        }
    }

    private static func text(_ bytes: Double) -> String { bytesText(Int64(exactly: bytes.rounded()) ?? .max) }

    /// `9.5%`
    private static func percent(_ share: Double) -> String {
        let tenths = Int((share * 1_000).rounded(.down))
        return tenths % 10 == 0 ? "\(tenths / 10)%" : "\(tenths / 10).\(tenths % 10)%"
    }
}
