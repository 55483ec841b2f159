import Glibc

/// The file of the control socket: made without a moment in which it has a looser mode than it should, taken away only
/// while it is still ours.
///
/// The socket is bound inside a directory that only we can enter, gets its mode and group there, and is then renamed to
/// its name. That needs no process-wide umask, replaces a dead instance's socket in one step, and a client sees either
/// no socket or a finished one. That two instances do not do this to each other is the business of the lock on the state
/// directory, taken before.
///
/// - SeeAlso: unix(7), rename(2).
struct ControlSocket {
    static let name = "control.sock"
    /// Room for a path in `sockaddr_un`, less the terminating zero.
    static let pathLimit = 107

    let directory: String
    let path: String
    /// Where to bind.
    let bindPath: String
    private let nursery: String

    /// Checks the directory and makes the place to bind in.
    ///
    /// - Throws: `ControlServerError`.
    init(runtimeDirectory: String) throws(ControlServerError) {
        self.directory = runtimeDirectory
        self.path = "\(runtimeDirectory)/\(Self.name)"
        self.nursery = "\(runtimeDirectory)/.control.new"
        self.bindPath = "\(self.nursery)/s"
        guard self.path.utf8.count <= Self.pathLimit, self.bindPath.utf8.count <= Self.pathLimit else {
            throw .pathTooLong(self.path, limit: Self.pathLimit)
        }
        try Self.requireOurs(runtimeDirectory)
        var there = stat()
        if lstat(self.path, &there) == 0, there.st_mode & S_IFMT != S_IFSOCK { throw .notASocket(self.path) }
        if mkdir(self.nursery, 0o700) != 0 {
            // Left behind by an instance that was killed in between.
            guard errno == EEXIST else { throw .system("mkdir", runtimeDirectory, errno: errno) }
            try Self.requireOurs(self.nursery)
            _ = chmod(self.nursery, 0o700)
            _ = unlink(self.bindPath)
        }
    }

    /// The file's identity, to recognise it later. With the time of its making, since inode numbers are used again.
    struct Identity: Hashable {
        var device: UInt64
        var inode: UInt64
        var seconds: Int
        var nanoseconds: Int

        init(_ status: stat) {
            self.device = UInt64(status.st_dev)
            self.inode = UInt64(status.st_ino)
            self.seconds = status.st_mtim.tv_sec
            self.nanoseconds = status.st_mtim.tv_nsec
        }
    }

    /// Gives the bound socket its mode and its final name.
    ///
    /// - Parameter group: owns the file, where the mode speaks of a group.
    /// - Throws: `ControlServerError`.
    func publish(mode: mode_t, group: UInt32?) throws(ControlServerError) -> Identity {
        if let group, lchown(self.bindPath, uid_t.max, group) != 0 {
            throw .system("chown", self.directory, errno: errno)
        }
        guard chmod(self.bindPath, mode) == 0 else { throw .system("chmod", self.directory, errno: errno) }
        var status = stat()
        guard lstat(self.bindPath, &status) == 0 else { throw .system("lstat", self.directory, errno: errno) }
        guard rename(self.bindPath, self.path) == 0 else { throw .system("rename", self.directory, errno: errno) }
        _ = rmdir(self.nursery)
        return Identity(status)
    }

    /// Takes the socket's file away if it is still the one that was published.
    func withdraw(_ identity: Identity?) {
        var status = stat()
        if let identity, lstat(self.path, &status) == 0, identity == Identity(status) { _ = unlink(self.path) }
        _ = unlink(self.bindPath)
        _ = rmdir(self.nursery)
    }

    /// A directory in which others can make or rename files is no place for a socket that decides by its name.
    private static func requireOurs(_ path: String) throws(ControlServerError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .system("stat", path, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .unsafeDirectory(path, why: "It is not a directory.") }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw .unsafeDirectory(path, why: "It belongs to user \(status.st_uid).")
        }
        guard status.st_mode & 0o022 == 0 else {
            throw .unsafeDirectory(
                path, why: "Others can write to it (mode \(String(status.st_mode & 0o7777, radix: 8))).")
        }
    }
}

/// The system's words for an error number.
func describeErrno(_ code: Int32) -> String {
    String(cString: strerror(code))
}
