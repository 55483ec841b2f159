import Foundation

/// The right to write a state directory: one process on the machine has it.
///
/// An `flock` on `heald.lock`, given back when the value goes away or the process ends, however it ends. The file stays.
///
/// - SeeAlso: flock(2).
public final class StateLock: Sendable {
    public static let fileName = "heald.lock"
    public let stateDirectory: String
    private let descriptor: Int32

    /// Takes the lock, or says at once who has it. Never waits.
    ///
    /// - Throws: `AuditError` `locked`, `readOnly`, `full`, `missing` or `failed`.
    public init(stateDirectory: String) throws {
        let path = stateDirectory + "/" + Self.fileName
        let what = "Could not lock the state directory."
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o640)
        guard descriptor >= 0 else { throw AuditError.system(errno, what: what, path: path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let number = errno
            let holder = Self.holder(descriptor)
            close(descriptor)
            guard number == EWOULDBLOCK else { throw AuditError.system(number, what: what, path: path) }
            throw AuditError(
                .locked, what: what,
                why: "Another heald\(holder.map { " (process \($0))" } ?? "") works on \(stateDirectory).",
                howToFix: "Stop the other one, or give this one a --state-dir of its own.")
        }
        self.stateDirectory = stateDirectory
        self.descriptor = descriptor
        // For people and for the error above; the lock itself does not depend on it, so a full disk is no hindrance.
        let text = "\(getpid())\n"
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.utf8.count, 0) }
    }

    deinit { close(self.descriptor) }

    private static func holder(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count], as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
