/// How many cells of a terminal a text takes.
///
/// Wide and fullwidth characters of East Asian scripts and pictographs take two, combining marks none.
///
/// - SeeAlso: Unicode Standard Annex 11, "East Asian Width".
public func displayWidth(_ text: String) -> Int {
    if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return text.utf8.count }
    return text.reduce(0) { $0 + cells(of: $1) }
}

/// A text cut to a number of cells, with an ellipsis where it was cut.
public func fitted(_ text: String, to width: Int) -> String {
    guard displayWidth(text) > width else { return text }
    guard width > 0 else { return "" }
    var kept = ""
    var used = 0
    for character in text {
        let cells = cells(of: character)
        guard used + cells <= width - 1 else { break }
        kept.append(character)
        used += cells
    }
    return kept + "…"
}

/// A text broken into lines of at most a number of cells, at spaces where there are any.
public func wrapped(_ text: String, to width: Int) -> [String] {
    guard displayWidth(text) > width, width > 0 else { return [text] }
    var lines: [String] = []
    var line = ""
    var used = 0
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
        let cellsOfWord = displayWidth(String(word))
        if used > 0, used + 1 + cellsOfWord <= width {
            line += " " + word
            used += 1 + cellsOfWord
            continue
        }
        if used > 0 { lines.append(line) }
        (line, used) = (String(word), cellsOfWord)
        while used > width {
            var head = ""
            var headCells = 0
            while let character = line.first, head.isEmpty || headCells + cells(of: character) <= width {
                head.append(line.removeFirst())
                headCells += cells(of: character)
            }
            lines.append(head)
            used -= headCells
        }
    }
    if used > 0 || lines.isEmpty { lines.append(line) }
    return lines
}

private func cells(of character: Character) -> Int {
    var width = 0
    for scalar in character.unicodeScalars {
        // An emoji presentation selector makes a narrow character wide.
        if scalar == "\u{FE0F}" { return 2 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: continue
        default: width = max(width, scalar.properties.isEmojiPresentation || isWide(scalar.value) ? 2 : 1)
        }
    }
    return width
}

/// The blocks whose characters are wide or fullwidth.
private func isWide(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
        0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60,
        0xFFE0...0xFFE6, 0x16FE0...0x18CFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F2FF, 0x1F300...0x1F64F,
        0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
        true
    default: false
    }
}
