extension DiskCheck {
    static let variant = Variant<CheckKind>(
        "disk",
        keys: ObjectSpec(
            "check-disk", title: "a disk check", initial: DiskCheck(path: ""),
            [
                Key("path", \.path, .path, required: true, "Any path on the file system."),
                Key(
                    "free", optional: \.free, .sizeOrShare,
                    "What must be free at least, for others than root: a size or a share of the whole."),
                Key(
                    "freeInodes", optional: \.freeInodes, .share(0.0001...1),
                    "The share of its inodes that must be free at least."),
            ])
    ) { check, node, context in
        guard check.free != nil || check.freeInodes != nil else {
            // A key that is there and wrong has been reported already.
            if node["free"] == nil, node["freeInodes"] == nil {
                context.report(at: node.offset, .semantic, "a disk check needs \"free\", \"freeInodes\" or both")
            }
            return nil
        }
        return .disk(check)
    }
}
