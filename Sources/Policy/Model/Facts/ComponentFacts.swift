/// What single actions need to know of a component: where its cache lies, who takes over, and the like.
public struct ComponentFacts: Hashable, Sendable, Codable {
    public var cache: CachePolicy?
    public var release: ReleasePolicy?
    public var failover: FailoverPolicy?
    public var scale: ScalePolicy?
    public var isolate: IsolatePolicy?

    public init(
        cache: CachePolicy? = nil, release: ReleasePolicy? = nil, failover: FailoverPolicy? = nil,
        scale: ScalePolicy? = nil, isolate: IsolatePolicy? = nil
    ) {
        self.cache = cache
        self.release = release
        self.failover = failover
        self.scale = scale
        self.isolate = isolate
    }

    /// The keys of a component that hold them.
    public enum Key: String, CaseIterable, Hashable, Sendable {
        case cache, release, failover, scale, isolate
    }

    public func has(_ key: Key) -> Bool {
        switch key {
        case .cache: self.cache != nil
        case .release: self.release != nil
        case .failover: self.failover != nil
        case .scale: self.scale != nil
        case .isolate: self.isolate != nil
        }
    }
}
