/// The candidate that a mistyped name most probably meant: the one with the fewest edits, if those are few for its length.
func nearest(to name: String, among candidates: [String]) -> String? {
    let wanted = Array(name.utf8.prefix(64))
    let best = candidates.map { (name: $0, edits: edits(from: wanted, to: Array($0.utf8.prefix(64)))) }
        .min { ($0.edits, $0.name) < ($1.edits, $1.name) }
    guard let best, best.edits <= max(1, min(wanted.count, best.name.utf8.count) / 3) else { return nil }
    return best.name
}

/// How many bytes have to be inserted, removed or replaced (Levenshtein).
private func edits(from first: [UInt8], to second: [UInt8]) -> Int {
    var previous = Array(0...second.count)
    for (row, byte) in first.enumerated() {
        var current = [row + 1]
        for (column, other) in second.enumerated() {
            current.append(
                min(previous[column] + (byte == other ? 0 : 1), previous[column + 1] + 1, current[column] + 1))
        }
        previous = current
    }
    return previous[second.count]
}
