import Glibc

/// Who is at the other end of a Unix-domain connection, as the kernel noted it when they connected.
///
/// Both answers come from the socket itself: neither a process number that may have been reused nor a name service is
/// asked, so the answer cannot be raced and does not block.
///
/// - SeeAlso: unix(7), `SO_PEERCRED`; `SO_PEERGROUPS` in socket(7) since Linux 4.13.
struct Peer: Hashable, Sendable {
    var processID: Int32
    var user: UInt32
    var group: UInt32
    /// Supplementary groups; may or may not name `group` too.
    var supplementaryGroups: [UInt32]

    /// - Parameter descriptor: a connected Unix-domain socket.
    /// - Returns: `nil` where the kernel does not say.
    init?(descriptor: Int32) {
        var credentials = Credentials()
        var length = socklen_t(MemoryLayout<Credentials>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0,
            length == socklen_t(MemoryLayout<Credentials>.size)
        else { return nil }
        self.processID = credentials.processID
        self.user = credentials.user
        self.group = credentials.group
        self.supplementaryGroups = Self.supplementaryGroups(of: descriptor)
    }

    init(processID: Int32, user: UInt32, group: UInt32, supplementaryGroups: [UInt32]) {
        self.processID = processID
        self.user = user
        self.group = group
        self.supplementaryGroups = supplementaryGroups
    }

    /// Whether they may change things.
    ///
    /// - Parameters:
    ///   - group: the operators' group, where it exists.
    ///   - owner: the user that this process runs as; they could do all it can without asking.
    func isOperator(group operators: UInt32?, owner: UInt32) -> Bool {
        if self.user == 0 || self.user == owner { return true }
        guard let operators else { return false }
        return self.group == operators || self.supplementaryGroups.contains(operators)
    }

    /// The layout of `struct ucred`, which Glibc does not hand to Swift.
    private struct Credentials {
        var processID: Int32 = -1
        var user: UInt32 = .max
        var group: UInt32 = .max
    }

    /// `SO_PEERGROUPS`, which the headers of older systems lack.
    private static let peerGroupsOption: Int32 = 59

    /// - Returns: none where the kernel does not say, so that nobody gains by it.
    private static func supplementaryGroups(of descriptor: Int32) -> [UInt32] {
        var capacity = 64
        // At most NGROUPS_MAX (65,536) groups; the kernel says how many where there is too little room.
        for _ in 0..<3 {
            var length = socklen_t(capacity * MemoryLayout<UInt32>.stride)
            var failure: Int32 = 0
            let groups = [UInt32](unsafeUninitializedCapacity: capacity) { buffer, count in
                if getsockopt(descriptor, SOL_SOCKET, Self.peerGroupsOption, buffer.baseAddress, &length) == 0 {
                    count = min(capacity, Int(length) / MemoryLayout<UInt32>.stride)
                } else {
                    failure = errno
                }
            }
            if failure == 0 { return groups }
            guard failure == ERANGE else { return [] }
            capacity = min(65_536, Int(length) / MemoryLayout<UInt32>.stride)
        }
        return []
    }
}
