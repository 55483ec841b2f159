/// Who needs whom, to find the circles.
struct DependencyGraph {
    struct Cycle: Hashable {
        /// The first again at the end.
        var names: [String]
        /// Of the reference that closes it.
        var place: Place
    }

    private var edges: [String: [(to: String, place: Place)]] = [:]
    private var order: [String] = []

    mutating func add(from: String, to: String, at place: Place) {
        if self.edges[from] == nil { self.order.append(from) }
        self.edges[from, default: []].append((to, place))
    }

    /// At least one cycle of every tangle of components that need each other; each reference closes one at most. Takes
    /// linear time and no recursion, so that a chain of any length is fine.
    func cycles() -> [Cycle] {
        var cycles: [Cycle] = []
        var finished: Set<String> = []
        for start in self.order where !finished.contains(start) {
            var path = [start]
            var depths = [start: 0]
            var next = [0]
            while let name = path.last {
                let targets = self.edges[name] ?? []
                let index = next[next.count - 1]
                guard index < targets.count else {
                    finished.insert(name)
                    depths[name] = nil
                    path.removeLast()
                    next.removeLast()
                    continue
                }
                next[next.count - 1] += 1
                let (target, place) = targets[index]
                if let depth = depths[target] {
                    cycles.append(Cycle(names: path[depth...] + [target], place: place))
                } else if !finished.contains(target) {
                    depths[target] = path.count
                    path.append(target)
                    next.append(0)
                }
            }
        }
        return cycles
    }
}
