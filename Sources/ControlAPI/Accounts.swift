import Glibc

/// Names and numbers of users and groups, from the system's files.
///
/// A name service can hang for minutes when a directory server is away, which is when a supervisor is needed most. So
/// the files are read; only a group that they do not know is asked for once, at the start.
struct Accounts: Sendable {
    var passwd = "/etc/passwd"
    var group = "/etc/group"

    /// The number of a group.
    ///
    /// - Note: may block in a name service where the files do not know the group.
    /// - SeeAlso: group(5), getgrnam_r(3).
    func groupID(of name: String) -> UInt32? {
        if let fields = Self.line(in: self.group, where: { $0.count >= 3 && $0[0] == name }) {
            return UInt32(fields[2])
        }
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: 64 * 1024)
        guard getgrnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return entry.gr_gid
    }

    /// How a user is called in records: `alice`, or `uid 1000` where the files have no name.
    ///
    /// - SeeAlso: passwd(5).
    func userName(of user: UInt32) -> String {
        let fields = Self.line(in: self.passwd) { $0.count >= 3 && $0[2] == String(user) }
        return fields.map { String($0[0]) } ?? "uid \(user)"
    }

    /// The first line of a colon-separated file that meets a condition. The first 4 MiB are read.
    private static func line(in path: String, where matches: ([Substring]) -> Bool) -> [Substring]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count < 4 << 20 {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = Substring(decoding: line, as: UTF8.self).split(
                separator: ":", omittingEmptySubsequences: false)
            if matches(fields) { return fields }
        }
        return nil
    }
}
