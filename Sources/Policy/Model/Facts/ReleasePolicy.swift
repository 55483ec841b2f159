/// A component's `release`: where its versions lie, for ROLLBACK.
public struct ReleasePolicy: Hashable, Sendable, Codable {
    /// The symlink that says which release runs.
    public var current: String
    /// The directory whose subdirectories are the releases.
    public var releases: String
    /// How long a release has to be up to be known as good.
    public var goodAfter: Duration

    public init(current: String, releases: String, goodAfter: Duration = .seconds(300)) {
        self.current = current
        self.releases = releases
        self.goodAfter = goodAfter
    }
}
