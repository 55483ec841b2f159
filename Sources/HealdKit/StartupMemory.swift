import Glibc

/// The pages of program code that only the start needed.
///
/// The kernel maps code in pieces of 64 KiB around whatever is touched, and starting touches most of a program: reading
/// policies, opening the database, setting up servers. Afterwards a daemon that checks a thousand endpoints uses less
/// than a fifth of it. The rest is handed back once; it stays in the page cache for as long as memory allows, and a
/// piece that is needed again is mapped again within a microsecond or two.
enum StartupMemory {
    /// Unmaps the pages of all code of this process; what is in use comes back by itself.
    ///
    /// Takes about a millisecond. Only code is touched, which nobody has written to: read-only data may hold
    /// relocations that exist nowhere else.
    ///
    /// - SeeAlso: madvise(2), `MADV_DONTNEED`; proc_pid_maps(5).
    static func release() {
        for range in self.code(inMaps: self.maps()) {
            _ = madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
        }
    }

    /// The address ranges of a `/proc/PID/maps` that are executable, private, not writable, and from a file.
    static func code(inMaps text: String) -> [Range<UInt>] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", maxSplits: 5)
            guard fields.count == 6, fields[1] == "r-xp", fields[5].drop(while: { $0 == " " }).first == "/" else {
                return nil
            }
            let bounds = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            return bounds.count == 2 && bounds[0] < bounds[1] ? bounds[0]..<bounds[1] : nil
        }
    }

    private static func maps() -> String {
        let descriptor = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < 4 << 20 {
            let count = read(descriptor, &piece, piece.count)
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
