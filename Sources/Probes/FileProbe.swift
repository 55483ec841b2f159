import Crypto
import Glibc
import Policy
import ResilienceCore

/// Looks at a file, by calls that may block: for `BlockingChecks` only.
enum FileProbe {
    /// Dated further ahead than this, a file tells that one of the clocks is wrong, not how old it is.
    private static let clockTolerance = Duration.seconds(60)
    private static let pieceBytes = 262_144

    /// - Parameter digests: what was read in earlier runs.
    static func look(_ check: FileCheck, digests: DigestCache, deadline: MonotonicInstant) -> Finding {
        var status = stat()
        guard stat(check.path, &status) == 0 else { return self.missing(check.path, errno) }
        guard self.isRegular(status) else { return self.notRegular(check.path, status) }
        if let finding = self.size(check, Int64(status.st_size)) { return finding }
        if let most = check.maxAge, let finding = self.age(check.path, status, most: most) { return finding }
        guard let expected = check.sha256 else { return .up }
        return self.content(check.path, expected: expected, digests: digests, deadline: deadline)
    }

    private static func isRegular(_ status: stat) -> Bool { status.st_mode & S_IFMT == S_IFREG }

    private static func missing(_ path: String, _ error: Int32) -> Finding {
        switch error {
        case ENOENT, ENOTDIR: .down(.notFound, "there is no file \(path)")
        case ELOOP: .down(.notFound, "there is no file \(path): its links go in a circle")
        case ENAMETOOLONG: .down(.misconfigured, "no file can have the path \(path): \(errorText(error))")
        case EACCES, EPERM:
            .unknown("\(path) may not be looked at by this process: \(errorText(error))", reason: .misconfigured)
        case EMFILE, ENFILE, ENOMEM, EINTR:
            .unknown("\(path) could not be looked at: \(errorText(error))", reason: .resource)
        default: .down(.resource, "\(path) cannot be read: \(errorText(error))")
        }
    }

    private static func notRegular(_ path: String, _ status: stat) -> Finding {
        let what =
            switch status.st_mode & S_IFMT {
            case S_IFDIR: "a directory"
            case S_IFIFO: "a pipe"
            case S_IFSOCK: "a socket"
            case S_IFCHR, S_IFBLK: "a device"
            default: "something else"
            }
        return .down(.notFound, "there is no regular file \(path), but \(what)")
    }

    private static func size(_ check: FileCheck, _ size: Int64) -> Finding? {
        if let least = check.minSize, size < least {
            return .down(
                .unexpectedBody, "\(check.path) has \(bytesText(size)); at least \(bytesText(least)) are expected")
        }
        if let most = check.maxSize, size > most {
            return .down(.resource, "\(check.path) has \(bytesText(size)); at most \(bytesText(most)) are expected")
        }
        return nil
    }

    private static func age(_ path: String, _ status: stat, most: Duration) -> Finding? {
        let written = Int64(status.st_mtim.tv_sec) &* 1_000_000 &+ Int64(status.st_mtim.tv_nsec) / 1_000
        let (age, overflow) = ProbeClock.wall().microseconds.subtractingReportingOverflow(written)
        guard !overflow, age > -self.clockTolerance.inNanoseconds / 1_000 else {
            return .unknown("\(path) is dated in the future: how old it is cannot be told")
        }
        guard Duration.microseconds(age) > most else { return nil }
        return .down(
            .stalled,
            "\(path) was last written \(Duration.seconds(age / 1_000_000).policyText) ago; "
                + "at most \(most.policyText) are expected")
    }

    // MARK: Content

    private enum Opening {
        case opened(Int32, stat)
        case failed(Finding)
    }

    /// A regular file, open for reading. Never waits, whatever the path is or becomes meanwhile.
    private static func open(_ path: String) -> Opening {
        let fd = Glibc.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard fd >= 0 else { return .failed(self.missing(path, errno)) }
        var status = stat()
        guard fstat(fd, &status) == 0 else {
            let error = errno
            close(fd)
            return .failed(self.missing(path, error))
        }
        guard self.isRegular(status) else {
            close(fd)
            return .failed(self.notRegular(path, status))
        }
        return .opened(fd, status)
    }

    enum Content {
        case bytes([UInt8])
        case failed(Finding)
    }

    /// The content of a small file, and at most one byte more than `limit`.
    static func read(_ path: String, limit: Int) -> Content {
        var status = stat()
        // Opening a device may do something already.
        guard stat(path, &status) == 0 else { return .failed(self.missing(path, errno)) }
        guard self.isRegular(status) else { return .failed(self.notRegular(path, status)) }
        switch self.open(path) {
        case .failed(let finding): return .failed(finding)
        case .opened(let fd, _):
            defer { close(fd) }
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 16_384)
            while bytes.count <= limit {
                let count = Glibc.read(fd, &buffer, min(buffer.count, limit + 1 - bytes.count))
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { return .failed(self.missing(path, errno)) }
                guard count > 0 else { break }
                bytes += buffer[..<count]
            }
            return .bytes(bytes)
        }
    }

    private static func content(
        _ path: String, expected: String, digests: DigestCache, deadline: MonotonicInstant
    ) -> Finding {
        let fd: Int32
        let status: stat
        switch self.open(path) {
        case .opened(let descriptor, let found): (fd, status) = (descriptor, found)
        case .failed(let finding): return finding
        }
        defer { close(fd) }
        let identity = FileIdentity(status)
        if let known = digests.digest(of: path, identity) { return self.compare(path, known, expected) }
        var hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: self.pieceBytes)
        var done: Int64 = 0
        while true {
            guard ProbeClock.now() < deadline else {
                return .unknown(
                    "\(path) could not be read to its end in time: \(bytesText(done)) of "
                        + "\(bytesText(Int64(status.st_size))); it needs a longer timeout", reason: .timeout)
            }
            let count = Glibc.read(fd, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return self.missing(path, errno) }
            guard count > 0 else { break }
            hash.update(data: buffer[..<count])
            done += Int64(count)
        }
        var after = stat()
        guard fstat(fd, &after) == 0, FileIdentity(after) == identity else {
            return .unknown("\(path) was written to while it was read", reason: .other)
        }
        let digest = hash.finalize().map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }.joined()
        digests.remember(digest, of: path, identity)
        return self.compare(path, digest, expected)
    }

    private static func compare(_ path: String, _ digest: String, _ expected: String) -> Finding {
        guard digest != expected else { return .up }
        return .down(
            .checksum, "the SHA-256 of \(path) begins with \(digest.prefix(16)); expected \(expected.prefix(16))…")
    }
}

/// `512 bytes`, `1.5 MiB`.
func bytesText(_ bytes: Int64) -> String {
    var value = Double(bytes)
    var unit = ""
    for next in ["KiB", "MiB", "GiB", "TiB"] where value >= 1_024 {
        value /= 1_024
        unit = next
    }
    guard !unit.isEmpty else { return "\(bytes) \(bytes == 1 ? "byte" : "bytes")" }
    let tenths = Int64((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
}
