#if canImport(Glibc)
    import Glibc
#endif

/// The machine's own time zone, as the C library knows it.
public enum LocalTime {
    /// How far it is ahead of UTC at an instant, in seconds.
    ///
    /// - Parameter seconds: since 1970, UTC.
    /// - SeeAlso: localtime_r(3).
    public static func offset(at seconds: Int64) -> Int64 {
        var time = time_t(seconds)
        var civil = tm()
        guard localtime_r(&time, &civil) != nil else { return 0 }
        return Int64(civil.tm_gmtoff)
    }
}
