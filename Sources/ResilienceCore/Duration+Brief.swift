extension Duration {
    /// The duration as a person says it, two units at most: `850 µs`, `38 ms`, `1.2 s`, `4m 12s`, `2h 5m`, `3d 4h`.
    public var brief: String {
        let nanoseconds = self.inNanoseconds
        if nanoseconds < 0 { return "-" + Duration.nanoseconds(nanoseconds == .min ? .max : -nanoseconds).brief }
        switch nanoseconds {
        case 0: return "0 s"
        case ..<1_000_000: return "\(max(1, nanoseconds / 1_000)) µs"
        case ..<1_000_000_000: return "\(nanoseconds / 1_000_000) ms"
        case ..<60_000_000_000:
            let tenths = nanoseconds / 100_000_000
            return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
        default: break
        }
        let seconds = nanoseconds / 1_000_000_000
        switch seconds {
        case ..<3_600: return Self.twoUnits(seconds / 60, "m", seconds % 60, "s")
        case ..<86_400: return Self.twoUnits(seconds / 3_600, "h", seconds % 3_600 / 60, "m")
        default: return Self.twoUnits(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h")
        }
    }

    private static func twoUnits(_ large: Int64, _ largeUnit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(large)\(largeUnit)" : "\(large)\(largeUnit) \(small)\(smallUnit)"
    }
}
