import Glibc
import Synchronization

/// What tells that a file has not changed. The change time cannot be set by whoever writes the file.
struct FileIdentity: Hashable, Sendable {
    private var device, inode: UInt64
    private var size, modified, modifiedPart, changed, changedPart: Int64

    init(_ status: stat) {
        self.device = UInt64(status.st_dev)
        self.inode = UInt64(status.st_ino)
        self.size = Int64(status.st_size)
        self.modified = Int64(status.st_mtim.tv_sec)
        self.modifiedPart = Int64(status.st_mtim.tv_nsec)
        self.changed = Int64(status.st_ctim.tv_sec)
        self.changedPart = Int64(status.st_ctim.tv_nsec)
    }

    /// Asks the file system, which may take its time; `nil` where there is no such file.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }
}

/// The digests of files that have not changed since they were read, so that a large file is not read at each run.
final class DigestCache: Sendable {
    private let entries = Mutex<[String: (identity: FileIdentity, digest: String)]>([:])
    private static let entriesMax = 10_000

    func digest(of path: String, _ identity: FileIdentity) -> String? {
        self.entries.withLock { entries in
            guard let entry = entries[path], entry.identity == identity else { return nil }
            return entry.digest
        }
    }

    func remember(_ digest: String, of path: String, _ identity: FileIdentity) {
        self.entries.withLock { entries in
            // Paths of policies long gone.
            if entries.count >= Self.entriesMax, entries[path] == nil { entries.removeAll() }
            entries[path] = (identity, digest)
        }
    }
}
