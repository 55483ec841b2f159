import Glibc

/// Collects the texts of policy files, with all the caution that files deserve which decide what root runs.
struct PolicyFileReader {
    /// More is no policy but an accident.
    static let fileLimit = 10_000
    static let totalLimit = 64 << 20

    /// Whoever else can write a file is an error; otherwise a warning.
    let isStrict: Bool
    private(set) var files: [(name: String, bytes: [UInt8])] = []
    private(set) var findings: [Diagnostic] = []
    private var total = 0

    init(isStrict: Bool) { self.isStrict = isStrict }

    mutating func readFileOrDirectory(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return self.refuse(path, systemError("cannot be found", errno)) }
        if status.st_mode & S_IFMT == S_IFDIR {
            self.readDirectory(path, prefix: path.hasSuffix("/") ? path : path + "/")
        } else {
            self.readFile(path, in: AT_FDCWD, name: path)
        }
    }

    /// - Parameter prefix: goes before the names of files in diagnostics.
    mutating func readDirectory(_ path: String, prefix: String) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = errno
            let fix = code == ENOENT ? "; create it, or name another with --policies" : ""
            return self.refuse(path, systemError("the policy directory cannot be opened", code) + fix)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            return self.refuse(path, systemError("cannot be examined", errno))
        }
        self.checkAccess(status, name: path, shownPath: path)
        guard let names = self.names(in: descriptor) else {
            return self.refuse(path, systemError("the policy directory cannot be listed", errno))
        }
        let policies = names.filter(Self.isPolicy).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        for name in names.sorted() where Self.isProbablyMeantAsPolicy(name) {
            self.warn(prefix + name, "is not read: only files named *.json are policies")
        }
        guard policies.count <= Self.fileLimit else {
            return self.refuse(path, "holds \(policies.count) policy files; at most \(Self.fileLimit) are allowed")
        }
        if policies.isEmpty {
            self.warn(path, "holds no *.json file: nothing is supervised")
        }
        for name in policies { self.readFile(name, in: descriptor, name: prefix + name) }
    }

    private static func isPolicy(_ name: String) -> Bool {
        name.hasSuffix(".json") && !name.hasPrefix(".") && !name.hasSuffix(".schema.json")
    }

    private static func isProbablyMeantAsPolicy(_ name: String) -> Bool {
        !name.hasPrefix(".") && [".yaml", ".yml", ".jsonc", ".json5", ".JSON"].contains { name.hasSuffix($0) }
    }

    /// The names in a directory; `nil` with `errno` where it cannot be listed.
    private func names(in descriptor: Int32) -> [String]? {
        // closedir(3) closes the descriptor it was given, and ours is needed further on.
        let own = dup(descriptor)
        guard own >= 0 else { return nil }
        guard let directory = fdopendir(own) else {
            close(own)
            return nil
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    // MARK: One file

    private mutating func readFile(_ path: String, in directory: Int32, name: String) {
        // Opening some devices has effects: look at what it is before, and again at what was opened.
        var before = stat()
        guard fstatat(directory, path, &before, 0) == 0 else {
            return self.refuse(name, systemError("cannot be found", errno))
        }
        guard before.st_mode & S_IFMT == S_IFREG else { return self.refuse(name, Self.notRegular(before)) }
        let descriptor = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return self.refuse(name, systemError("cannot be opened", errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            return self.refuse(name, systemError("cannot be examined", errno))
        }
        guard status.st_mode & S_IFMT == S_IFREG else { return self.refuse(name, Self.notRegular(status)) }
        self.checkAccess(status, name: name, shownPath: path)
        self.checkLinkTarget(path, in: directory, descriptor: descriptor, name: name)
        self.readContents(of: descriptor, name: name)
    }

    private mutating func readContents(of descriptor: Int32, name: String) {
        // One byte more than allowed, so that the reader sees and says that it is too much.
        let limit = JSONReader.sizeLimit + 1
        var bytes = [UInt8](repeating: 0, count: limit)
        var count = 0
        while count < limit {
            let received = bytes.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress?.advanced(by: count), limit - count)
            }
            if received < 0, errno == EINTR { continue }
            guard received >= 0 else { return self.refuse(name, systemError("cannot be read", errno)) }
            if received == 0 { break }
            count += received
        }
        self.total += count
        guard self.total <= Self.totalLimit else {
            return self.refuse(name, "is too much: all policy files together may have \(Self.totalLimit >> 20) MiB")
        }
        self.files.append((name, Array(bytes.prefix(count))))
    }

    private static func notRegular(_ status: stat) -> String {
        let kind =
            switch status.st_mode & S_IFMT {
            case S_IFDIR: "a directory"
            case S_IFIFO: "a FIFO"
            case S_IFSOCK: "a socket"
            case S_IFCHR, S_IFBLK: "a device"
            default: "something else"
            }
        return "is \(kind), not a regular file; remove it or rename it so that it does not end in .json"
    }

    // MARK: Who may write it

    /// - Parameter isSticky: a sticky directory that others may write is fine: they cannot replace what is not theirs.
    private mutating func checkAccess(_ status: stat, name: String, shownPath: String, isSticky: Bool = false) {
        let shown = quoted(shownPath, limit: 200)
        if status.st_uid != 0, status.st_uid != geteuid() {
            self.distrust(
                name,
                "belongs to user \(status.st_uid), who could change what heald does as user \(geteuid()); fix: "
                    + "chown root \(shown)")
        }
        let isWritable = status.st_mode & (S_IWGRP | S_IWOTH) != 0
        if isWritable, !(isSticky && status.st_mode & S_ISVTX != 0) {
            let mode = String(status.st_mode & 0o7777, radix: 8)
            let who = status.st_mode & S_IWOTH != 0 ? "everybody" : "its group"
            self.distrust(
                name,
                "may be written by \(who) (mode \(mode)), who could change what heald does; fix: chmod go-w \(shown)")
        }
    }

    /// A link leads out of the directory that was checked: whoever can replace its target must be trusted too.
    private mutating func checkLinkTarget(_ path: String, in directory: Int32, descriptor: Int32, name: String) {
        var link = stat()
        guard fstatat(directory, path, &link, AT_SYMLINK_NOFOLLOW) == 0, link.st_mode & S_IFMT == S_IFLNK else {
            return
        }
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let length = buffer.withUnsafeMutableBytes { bytes in
            bytes.bindMemory(to: CChar.self).baseAddress.map {
                readlink("/proc/self/fd/\(descriptor)", $0, bytes.count)
            }
                ?? -1
        }
        let target = String(decoding: buffer.prefix(max(0, length)), as: UTF8.self)
        guard length > 0, let slash = target.lastIndex(of: "/") else {
            return self.distrust(name, "is a symbolic link whose target cannot be determined; copy the file instead")
        }
        let parent = slash == target.startIndex ? "/" : String(target[..<slash])
        var status = stat()
        guard stat(parent, &status) == 0 else {
            return self.distrust(name, systemError("links into a directory that cannot be examined", errno))
        }
        let before = self.findings.count
        self.checkAccess(status, name: name, shownPath: parent, isSticky: true)
        for index in before..<self.findings.count {
            self.findings[index].message = "links into a directory that \(self.findings[index].message)"
        }
    }

    // MARK: Findings

    private mutating func refuse(_ file: String, _ message: String) {
        self.findings.append(Diagnostic(file: file, kind: .semantic, message: message))
    }

    private mutating func warn(_ file: String, _ message: String) {
        self.findings.append(Diagnostic(file: file, kind: .semantic, severity: .warning, message: message))
    }

    private mutating func distrust(_ file: String, _ message: String) {
        if self.isStrict { self.refuse(file, message) } else { self.warn(file, message) }
    }
}

private func systemError(_ what: String, _ code: Int32) -> String { "\(what): \(String(cString: strerror(code)))" }
