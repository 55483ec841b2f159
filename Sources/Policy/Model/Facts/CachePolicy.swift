/// A component's `cache`: what CLEAR_CACHE empties.
public struct CachePolicy: Hashable, Sendable, Codable {
    /// systemd's own `CacheDirectory=` of the unit, by CleanUnit.
    public var systemd: Bool
    /// Directories whose content goes; they themselves stay.
    public var paths: [String]
    /// A program that does it, as argv.
    public var hook: [String]

    public init(systemd: Bool = false, paths: [String] = [], hook: [String] = []) {
        self.systemd = systemd
        self.paths = paths
        self.hook = hook
    }

    /// Files go away under a running program only by its own hand.
    public var needsStop: Bool { self.systemd || !self.paths.isEmpty }

    /// Nothing is ever deleted that does not lie below one of these, or below one that the policy adds.
    public static let roots = ["/run", "/tmp", "/var/cache", "/var/tmp"]
}
