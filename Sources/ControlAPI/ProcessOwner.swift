import Glibc

/// Whose a process is.
enum ProcessOwner {
    /// The real user of a process; `nil` where there is none.
    ///
    /// - SeeAlso: proc(5), `/proc/pid/status`.
    static func user(of process: Int32) -> UInt32? {
        let descriptor = open("/proc/\(process)/status", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // `Uid:` stands in the first lines.
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &chunk, chunk.count)
        guard count > 0 else { return nil }
        for line in chunk[..<count].split(separator: UInt8(ascii: "\n")) {
            let fields = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace)
            if fields.count >= 2, fields[0] == "Uid:" { return UInt32(fields[1]) }
        }
        return nil
    }
}
