import CActions
import Glibc

/// Empties a directory, whatever lies in it and whoever changes it meanwhile.
///
/// Every step is taken from an open directory to one of its entries, never by a path from the root: a directory that is
/// exchanged for a link in the middle of the walk is a link then, and links are removed, not followed. Other file systems
/// are not entered.
///
/// - SeeAlso: openat(2), `O_NOFOLLOW`; statx(2), `STATX_MNT_ID`; unlinkat(2).
struct CacheCleaner {
    /// What came of it.
    struct Result: Hashable, Sendable {
        var removed = 0
        /// The first thing that could not be removed, and why; `nil` where all is gone.
        var problem: String?
    }

    private static let entriesMost = 2_000_000
    private static let depthMost = 128

    private var result = Result()
    private let deadline: ContinuousClock.Instant

    private init(deadline: ContinuousClock.Instant) { self.deadline = deadline }

    /// Removes everything in `path`; the directory itself stays. Blocks.
    ///
    /// - Parameters:
    ///   - path: absolute, and without a symbolic link in any of its parts.
    ///   - deadline: when to leave off.
    static func empty(_ path: String, until deadline: ContinuousClock.Instant) -> Result {
        var cleaner = CacheCleaner(deadline: deadline)
        let directory = heald_open_absolute_directory(path)
        guard directory >= 0 else {
            if errno != ENOENT { cleaner.note(path) }
            return cleaner.result
        }
        cleaner.empty(directory, shown: path, depth: 0)
        return cleaner.result
    }

    /// Takes over the descriptor.
    private mutating func empty(_ directory: Int32, shown: String, depth: Int) {
        guard let stream = fdopendir(directory) else {
            self.note(shown)
            close(directory)
            return
        }
        defer { closedir(stream) }
        while self.mayGoOn(shown) {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { self.note(shown) }
                return
            }
            let isDirectory = entry.pointee.d_type == UInt8(DT_DIR)
            withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { name in
                    guard strcmp(name, ".") != 0, strcmp(name, "..") != 0 else { return }
                    self.remove(name, of: directory, isDirectory: isDirectory, shown: shown, depth: depth)
                }
            }
        }
    }

    private mutating func remove(
        _ name: UnsafePointer<CChar>, of directory: Int32, isDirectory: Bool, shown: String, depth: Int
    ) {
        // What a directory listing calls a file may have become a directory since, and the other way round.
        if !isDirectory, unlinkat(directory, name, 0) == 0 {
            self.result.removed += 1
            return
        }
        if !isDirectory, errno == ENOENT { return }
        let shown = shown + "/" + String(cString: name)
        guard isDirectory || errno == EISDIR else { return self.note(shown) }
        guard depth < Self.depthMost else {
            self.result.problem = self.result.problem ?? "\(shown) lies deeper than \(Self.depthMost) directories"
            return
        }
        let child = heald_open_inner_directory(directory, name)
        if child >= 0 {
            self.empty(child, shown: shown, depth: depth + 1)
        } else if errno == ELOOP || errno == ENOTDIR {
            // It is a link or a file by now.
            if unlinkat(directory, name, 0) == 0 { self.result.removed += 1 } else { self.note(shown) }
            return
        } else if errno != ENOENT {
            return self.note(shown)
        }
        if unlinkat(directory, name, AT_REMOVEDIR) == 0 {
            self.result.removed += 1
        } else if errno != ENOENT {
            self.note(shown)
        }
    }

    private mutating func mayGoOn(_ shown: String) -> Bool {
        if self.result.removed >= Self.entriesMost {
            self.result.problem = self.result.problem ?? "more than \(Self.entriesMost) entries; the rest is left"
            return false
        }
        if ContinuousClock.now >= self.deadline {
            self.result.problem = self.result.problem ?? "the time was up at \(shown)"
            return false
        }
        return true
    }

    private mutating func note(_ shown: String) {
        let why = errno == EXDEV ? "another file system is mounted there" : fileProblem(errno)
        self.result.problem = self.result.problem ?? "\(shown): \(why)"
    }
}
