import ResilienceCore

/// A Unix stream socket accepts connections.
public struct UnixCheck: Hashable, Sendable {
    public var path: String
    public init(path: String) { self.path = path }
}

/// A regular file is there, fresh, of a size, of a content.
public struct FileCheck: Hashable, Sendable {
    public var path: String
    /// How long ago it may have been written at most.
    public var maxAge: Duration?
    public var minSize: Int64?
    public var maxSize: Int64?
    /// SHA-256 of its content, 64 digits in lower case.
    public var sha256: String?

    public init(
        path: String, maxAge: Duration? = nil, minSize: Int64? = nil, maxSize: Int64? = nil, sha256: String? = nil
    ) {
        self.path = path
        self.maxAge = maxAge
        self.minSize = minSize
        self.maxSize = maxSize
        self.sha256 = sha256
    }
}

/// A file system has room.
public struct DiskCheck: Hashable, Sendable {
    /// Any path on the file system.
    public var path: String
    /// The least that must be free for users other than root.
    public var free: SizeOrShare?
    /// The share of its inodes that must be free at least.
    public var freeInodes: Double?

    public init(path: String, free: SizeOrShare? = nil, freeInodes: Double? = nil) {
        self.path = path
        self.free = free
        self.freeInodes = freeInodes
    }
}

/// An amount in bytes, or a share of the whole as 0...1.
public enum SizeOrShare: Hashable, Sendable {
    case bytes(Int64)
    case share(Double)
}

/// The unit's processes stay under limits.
public struct ResourcesCheck: Hashable, Sendable {
    /// The unit whose processes count: the component's.
    public var unit: String
    /// Bytes.
    public var memory: Int64?
    /// Share of one core over the interval; 2 is two cores.
    public var cpu: Double?
    /// Processes and threads.
    public var tasks: Int?
    /// Open descriptors of all its processes together.
    public var openFiles: Int?

    public init(unit: String, memory: Int64? = nil, cpu: Double? = nil, tasks: Int? = nil, openFiles: Int? = nil) {
        self.unit = unit
        self.memory = memory
        self.cpu = cpu
        self.tasks = tasks
        self.openFiles = openFiles
    }
}
