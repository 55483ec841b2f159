import Glibc

/// Replacing what others read: at every moment, and after a loss of power, they find the old or the new.
///
/// - SeeAlso: rename(2); fsync(2).
public enum AtomicFile {
    /// Makes `path` a symbolic link to `target`, whether there was one or nothing. Blocks for a disk flush.
    ///
    /// - Returns: why not.
    static func link(_ path: String, to target: String) -> String? {
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFLNK {
            return "\(path) is not a symbolic link, and is not replaced by one"
        }
        let (directory, name) = Self.split(path)
        return Self.replace(directory, name) { temporary, descriptor in
            symlinkat(target, descriptor, temporary) == 0
        }
    }

    /// Puts a copy of `source` in the place of `path`, with owner and mode of what was there. Blocks for a disk flush.
    static func copy(_ source: String, to path: String) -> String? {
        // Else a pipe that nobody writes to would be waited for.
        let input = open(source, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard input >= 0 else { return "\(source): \(Self.reason)" }
        defer { close(input) }
        var status = stat()
        guard fstat(input, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return "\(source) is not a regular file"
        }
        var old = stat()
        let isThere = lstat(path, &old) == 0
        if isThere, old.st_mode & S_IFMT != S_IFREG { return "\(path) is not a regular file, and is not replaced" }
        let model = isThere ? old : status
        let (directory, name) = Self.split(path)
        return Self.replace(directory, name) { temporary, descriptor in
            let output = openat(descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard output >= 0 else { return false }
            defer { close(output) }
            return Self.pour(input, into: output) && fchown(output, model.st_uid, model.st_gid) == 0
                && fchmod(output, model.st_mode & 0o7777) == 0 && fsync(output) == 0
        }
    }

    /// Makes `path` a file with these bytes. Blocks for a disk flush.
    ///
    /// - Returns: why not.
    public static func write(_ bytes: [UInt8], to path: String, mode: UInt32) -> String? {
        let (directory, name) = Self.split(path)
        return Self.replace(directory, name) { temporary, descriptor in
            let output = openat(descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard output >= 0 else { return false }
            defer { close(output) }
            // Not by the mode given to openat(2), which the umask narrows.
            return Self.pour(bytes, into: output) && fchmod(output, mode) == 0
        }
    }

    /// Takes a file away; one that is not there is away already.
    ///
    /// - Returns: why not.
    public static func remove(_ path: String) -> String? {
        unlink(path) == 0 || errno == ENOENT ? nil : "\(path): \(Self.reason)"
    }

    private static func replace(
        _ directory: String, _ name: String, make: (_ temporary: String, _ directory: Int32) -> Bool
    ) -> String? {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return "\(directory): \(Self.reason)" }
        defer { close(descriptor) }
        let temporary = ".\(name).heald"
        // Left behind by a run that was killed in the middle.
        unlinkat(descriptor, temporary, 0)
        guard make(temporary, descriptor) else {
            let why = Self.reason
            unlinkat(descriptor, temporary, 0)
            return "\(directory)/\(temporary): \(why)"
        }
        guard renameat(descriptor, temporary, descriptor, name) == 0 else {
            let why = Self.reason
            unlinkat(descriptor, temporary, 0)
            return "\(directory)/\(name): \(why)"
        }
        return fsync(descriptor) == 0 ? nil : "\(directory): \(Self.reason)"
    }

    private static func pour(_ input: Int32, into output: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(input, &buffer, buffer.count)
            if count == 0 { return true }
            guard count > 0, Self.pour(buffer.prefix(count), into: output) else { return false }
        }
    }

    private static func pour(_ bytes: some Sequence<UInt8>, into output: Int32) -> Bool {
        let bytes = Array(bytes)
        var written = 0
        while written < bytes.count {
            let more = bytes.withUnsafeBytes { all in
                let rest = UnsafeRawBufferPointer(rebasing: all[written...])
                return Glibc.write(output, rest.baseAddress, rest.count)
            }
            guard more > 0 else { return false }
            written += more
        }
        return true
    }

    static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let directory = path[..<slash]
        return (directory.isEmpty ? "/" : String(directory), String(path[path.index(after: slash)...]))
    }

    private static var reason: String { fileProblem(errno) }
}
