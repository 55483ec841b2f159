import Glibc
import Policy
import RecoveryEngine
import ResilienceCore

/// Releases as they lie on the disk: one directory each, and a link to the one that runs.
struct ReleaseDirectory {
    let policy: ReleasePolicy

    /// Which release is current. Blocks.
    func look() -> ReleaseObservation {
        var status = stat()
        guard lstat(self.policy.current, &status) == 0 else {
            return ReleaseObservation(problem: "\(self.policy.current): \(fileProblem(errno))")
        }
        guard status.st_mode & S_IFMT == S_IFLNK else {
            return ReleaseObservation(problem: "\(self.policy.current) is not a symbolic link")
        }
        guard let target = Self.target(of: self.policy.current) else {
            return ReleaseObservation(problem: "\(self.policy.current) cannot be read")
        }
        guard let root = Self.real(self.policy.releases) else {
            return ReleaseObservation(problem: "\(self.policy.releases): \(fileProblem(errno))")
        }
        let (parent, name) = AtomicFile.split(Self.absolute(target, from: self.policy.current))
        guard Self.real(parent) == root else {
            return ReleaseObservation(
                problem: "\(self.policy.current) points to \(target), which is not in \(self.policy.releases)")
        }
        let changed = Int64(status.st_mtim.tv_sec) * 1_000_000 + Int64(status.st_mtim.tv_nsec) / 1_000
        return ReleaseObservation(
            current: name, changedAt: WallTime(microseconds: changed), available: Self.releases(in: root))
    }

    /// Points `current` at another release. Blocks for a disk flush.
    ///
    /// - Returns: why not.
    func point(to release: String) -> String? {
        let path = self.policy.releases + "/" + release
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            return "\(path) is not a directory"
        }
        guard Self.hasEntries(path) else { return "\(path) is empty" }
        // A relative link stays one, so that a tree that is mounted elsewhere goes on working.
        let (before, _) = AtomicFile.split(Self.target(of: self.policy.current) ?? path)
        return AtomicFile.link(self.policy.current, to: before == "." ? release : before + "/" + release)
    }

    private static func target(of link: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let length = readlink(link, &buffer, Int(PATH_MAX))
        guard length > 0 else { return nil }
        var target = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        while target.count > 1, target.hasSuffix("/") { target.removeLast() }
        return target
    }

    private static func absolute(_ target: String, from link: String) -> String {
        target.hasPrefix("/") ? target : AtomicFile.split(link).directory + "/" + target
    }

    private static func real(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func releases(in root: String) -> [String] {
        var names: [String] = []
        Self.forEach(in: root) { name in
            var status = stat()
            if !name.hasPrefix("."), lstat(root + "/" + name, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
                names.append(name)
            }
            return names.count < 10_000
        }
        return names.sorted()
    }

    private static func hasEntries(_ path: String) -> Bool {
        var found = false
        Self.forEach(in: path) { _ in
            found = true
            return false
        }
        return found
    }

    /// - Parameter body: returns whether to go on.
    private static func forEach(in path: String, _ body: (String) -> Bool) {
        guard let stream = opendir(path) else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != "..", !body(name) { return }
        }
    }
}
