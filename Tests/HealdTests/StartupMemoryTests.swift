import Glibc
import Testing

@testable import HealdKit

@Suite struct StartupMemoryTests {
    private static let maps = """
        55d0c0000000-55d0c0010000 r--p 00000000 fe:00 131 /usr/bin/heald
        55d0c0010000-55d0c0030000 r-xp 00010000 fe:00 131 /usr/bin/heald
        55d0c0030000-55d0c0040000 rw-p 00030000 fe:00 131 /usr/bin/heald
        7f0000000000-7f0000001000 r-xp 00000000 00:00 0
        7f0000002000-7f0000003000 rwxp 00000000 fe:00 7 /usr/lib/odd.so
        7f0000004000-7f0000006000 r-xp 00000000 fe:00 8                          /usr/lib/a b.so (deleted)
        7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
        garbage
        """

    @Test func `only code from files is given back`() {
        #expect(
            StartupMemory.code(inMaps: Self.maps) == [
                0x55d0_c001_0000..<0x55d0_c003_0000, 0x7f00_0000_4000..<0x7f00_0000_6000,
            ])
    }

    @Test func `the resident code shrinks, and the process goes on`() {
        let before = Self.residentFileKiB
        StartupMemory.release()
        #expect(Self.residentFileKiB < before)
        #expect((1...1_000).map(String.init).joined().count == 2_893)
    }

    /// `RssFile` of this process.
    private static var residentFileKiB: Int {
        guard let file = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            guard text.hasPrefix("RssFile:") else { continue }
            return Int(text.split(whereSeparator: { $0 == " " || $0 == "\t" })[1]) ?? 0
        }
        return 0
    }
}
