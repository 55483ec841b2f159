/// What somebody who wrote `word` probably meant: the nearest of the known words, if near enough.
func suggestion(for word: String, among known: [String]) -> String? {
    // A long word is no slip of the finger, and comparing it would take long.
    guard word.utf8.count <= 48 else { return nil }
    let wanted = Array(word.lowercased().utf8)
    let limit = max(1, wanted.count / 3)
    var best: (word: String, distance: Int)?
    for candidate in known.sorted() {
        let distance = editDistance(wanted, Array(candidate.lowercased().utf8))
        if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.word
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one into the other (optimal string alignment).
func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in 0..<left.count {
        var current = [row + 1]
        for column in 0..<right.count {
            var cost = min(
                last[column + 1] + 1, current[column] + 1, last[column] + (left[row] == right[column] ? 0 : 1))
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                cost = min(cost, beforeLast[column - 1] + 1)
            }
            current.append(cost)
        }
        beforeLast = last
        last = current
    }
    return last[right.count]
}
