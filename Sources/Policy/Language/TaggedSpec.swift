/// An object one of whose keys says which further keys it has: checks and channels by `type`, steps by `action`.
struct TaggedSpec<Common: Sendable, Product: Sendable>: Sendable {
    let shape: TaggedShape
    let common: ObjectSpec<Common>
    private let variants: [String: Variant<Product>]

    init(
        _ name: String, tag: String, tagSummary: String, common: ObjectSpec<Common>, variants: [Variant<Product>],
        unavailable: [String]
    ) {
        self.common = common
        var byName: [String: Variant<Product>] = [:]
        for variant in variants {
            for name in variant.shape.names { byName[name] = variant }
        }
        self.variants = byName
        self.shape = TaggedShape(
            name: name, tag: tag, tagSummary: tagSummary, common: common.shape, variants: variants.map(\.shape),
            unavailable: unavailable)
    }

    /// Reads the common keys over `target` and makes the product of the variant.
    ///
    /// - Returns: `nil` after having reported why there is none.
    func read(_ node: JSONNode, into target: inout Common, _ context: inout DecodingContext) -> Product? {
        guard let members = node.members else {
            context.report(node, expected: "an object")
            return nil
        }
        self.common.apply(members, to: &target, &context)
        guard let variant = self.variant(of: node, &context) else { return nil }
        reportUnknownKeys(
            members, in: [self.common.shape, variant.shape.own], alsoKnown: [self.shape.tag],
            title: variant.shape.own.title, belongsTo: { self.owner(of: $0) }, &context)
        return variant.read(node, members, &context)
    }

    private func variant(of node: JSONNode, _ context: inout DecodingContext) -> Variant<Product>? {
        let names = self.shape.variants.flatMap(\.names)
        guard let tag = node[self.shape.tag] else {
            context.report(
                at: node.offset, .schema,
                "missing key \"\(self.shape.tag)\"; expected one of \(names.joined(separator: ", "))")
            return nil
        }
        if let variant = tag.string.flatMap({ self.variants[$0] }) { return variant }
        reportUnknownWord(tag, words: names, unavailable: self.shape.unavailable, &context)
        return nil
    }

    /// The variant that has a key, for somebody who put it into another.
    private func owner(of key: String) -> String? {
        self.shape.variants.first { $0.own.names.contains(key) }?.own.title
    }
}

/// One of the things that a tagged object can be.
struct Variant<Product: Sendable>: Sendable {
    let shape: VariantShape
    let read: @Sendable (JSONNode, [JSONMember], inout DecodingContext) -> Product?

    /// - Parameter finish: makes the product of the keys read, or reports why that cannot be; it is given the node for
    ///   the positions.
    init<Own: Sendable>(
        _ names: String..., keys: ObjectSpec<Own>,
        finish: @escaping @Sendable (Own, JSONNode, inout DecodingContext) -> Product?
    ) {
        self.shape = VariantShape(names: names, own: keys.shape)
        self.read = { node, members, context in
            var own = keys.initial
            keys.apply(members, to: &own, &context)
            guard reportMissingKeys(node, members, keys.shape, &context) else { return nil }
            return finish(own, node, &context)
        }
    }
}
