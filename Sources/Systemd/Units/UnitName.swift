import CSystemd
import Glibc

/// Names of units, by systemd's own rules.
///
/// - SeeAlso: systemd.unit(5).
public enum UnitName {
    private static let suffixes: Set<String> = [
        "service", "socket", "target", "device", "mount", "automount", "swap", "timer", "path", "slice", "scope",
    ]

    /// Whether `name` is the full name of one unit: a known suffix, allowed characters, at most 255 bytes. A template
    /// without an instance (`worker@.service`) names no unit.
    public static func isValid(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard bytes.count <= 255, let dot = bytes.lastIndex(of: UInt8(ascii: ".")), dot > 0,
            Self.suffixes.contains(String(decoding: bytes[(dot + 1)...], as: UTF8.self))
        else { return false }
        let stem = bytes[..<dot]
        guard stem.allSatisfy(Self.isAllowed), stem.first != UInt8(ascii: "@") else { return false }
        return stem.last != UInt8(ascii: "@")
    }

    /// The D-Bus object of a unit.
    ///
    /// - SeeAlso: sd_bus_path_encode(3).
    static func objectPath(of unit: String) -> String {
        var path: UnsafeMutablePointer<CChar>?
        guard sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path) >= 0, let path else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."), UInt8(ascii: "\\"), UInt8(ascii: "@"):
            true
        default: false
        }
    }
}
