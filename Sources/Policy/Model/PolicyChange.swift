/// What a reload changes, for the log and the audit trail.
public struct PolicyChange: Hashable, Sendable {
    /// Names of components, in order.
    public var added: [String]
    public var removed: [String]
    public var changed: [String]
    public var guardsChanged: Bool
    public var channelsChanged: Bool
    public var maintenanceChanged: Bool
    public var degradationChanged: Bool

    /// Compares what the policies mean; how they are written or spread over files makes no difference.
    public init(from old: PolicySnapshot, to new: PolicySnapshot) {
        let before = Dictionary(old.components.map { ($0.name, $0) }) { first, _ in first }
        let after = Dictionary(new.components.map { ($0.name, $0) }) { first, _ in first }
        self.added = after.keys.filter { before[$0] == nil }.sorted()
        self.removed = before.keys.filter { after[$0] == nil }.sorted()
        self.changed = after.keys.filter { before[$0] != nil && before[$0] != after[$0] }.sorted()
        self.guardsChanged = old.guards != new.guards || old.groups != new.groups
        self.channelsChanged = old.channels != new.channels
        self.maintenanceChanged = old.maintenance != new.maintenance
        self.degradationChanged = old.degradation != new.degradation
    }

    /// The policies mean the same.
    public var isEmpty: Bool {
        self.added.isEmpty && self.removed.isEmpty && self.changed.isEmpty && !self.guardsChanged
            && !self.channelsChanged && !self.maintenanceChanged && !self.degradationChanged
    }
}

extension PolicyChange: CustomStringConvertible {
    /// `2 added, 1 changed, guards changed`, or `no change`.
    public var description: String {
        var parts: [String] = []
        for (names, what) in [(self.added, "added"), (self.removed, "removed"), (self.changed, "changed")]
        where !names.isEmpty {
            parts.append("\(names.count) \(what)")
        }
        if self.guardsChanged { parts.append("guards changed") }
        if self.channelsChanged { parts.append("channels changed") }
        if self.maintenanceChanged { parts.append("maintenance changed") }
        if self.degradationChanged { parts.append("degradation changed") }
        return parts.isEmpty ? "no change" : parts.joined(separator: ", ")
    }
}
