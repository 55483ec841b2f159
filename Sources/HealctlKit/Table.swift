/// Rows under headings, fitted to a width: texts are cut before columns are left out.
struct Table {
    struct Column {
        var title: String
        var isRightAligned = false
        /// The narrowest that it may get where there is not enough room; `nil`: its contents are never cut.
        var narrowest: Int?
        /// Columns of the highest number are left out first where cutting is not enough; `nil`: never.
        var dispensable: Int?
    }

    struct Cell {
        var text: String
        var style: Style

        init(_ text: String, _ style: Style = .plain) {
            self.text = text
            self.style = style
        }
    }

    private static let gap = 2
    var columns: [Column]
    var rows: [[Cell]] = []

    func lines(on terminal: Terminal) -> [String] {
        let shown = self.fittedColumns(to: terminal.width)
        let heading = self.line(shown, self.columns.map { Cell($0.title, .heading) }, on: terminal)
        return [heading] + self.rows.map { self.line(shown, $0, on: terminal) }
    }

    /// Which columns are shown, and how wide.
    private func fittedColumns(to width: Int?) -> [(index: Int, width: Int)] {
        var shown = self.columns.indices.map { index in
            (
                index: index,
                width: self.rows.reduce(displayWidth(self.columns[index].title)) {
                    max($0, displayWidth($1[index].text))
                }
            )
        }
        // A column in which nothing is said takes no room.
        shown.removeAll { column in
            self.columns[column.index].dispensable != nil && !self.rows.isEmpty
                && self.rows.allSatisfy { $0[column.index].text.isEmpty }
        }
        guard let width else { return shown }
        while true {
            let excess = shown.reduce(Self.gap * (shown.count - 1) - width) { $0 + $1.width }
            guard excess > 0 else { return shown }
            if let cut = self.shrunk(shown, by: excess) { return cut }
            let last = shown.indices.filter { self.columns[shown[$0].index].dispensable != nil }
                .max { (self.rank(shown[$0]), $0) < (self.rank(shown[$1]), $1) }
            guard let last else { return self.squeezed(shown) }
            shown.remove(at: last)
        }
    }

    private func rank(_ column: (index: Int, width: Int)) -> Int { self.columns[column.index].dispensable ?? -1 }

    /// The columns with their excess cut, the widest first; `nil` where they cannot be cut that far.
    private func shrunk(_ columns: [(index: Int, width: Int)], by excess: Int) -> [(index: Int, width: Int)]? {
        let spare = columns.reduce(0) { $0 + max(0, $1.width - (self.columns[$1.index].narrowest ?? $1.width)) }
        guard spare >= excess else { return nil }
        var columns = columns
        for _ in 0..<excess {
            let candidates = columns.indices.filter {
                columns[$0].width > (self.columns[columns[$0].index].narrowest ?? .max)
            }
            guard let widest = candidates.max(by: { columns[$0].width < columns[$1].width }) else { return nil }
            columns[widest].width -= 1
        }
        return columns
    }

    /// As narrow as allowed: where even that is too wide, the terminal wraps the lines.
    private func squeezed(_ columns: [(index: Int, width: Int)]) -> [(index: Int, width: Int)] {
        columns.map { (index: $0.index, width: min($0.width, self.columns[$0.index].narrowest ?? $0.width)) }
    }

    private func line(_ shown: [(index: Int, width: Int)], _ cells: [Cell], on terminal: Terminal) -> String {
        var line = ""
        for (position, column) in shown.enumerated() {
            let text = fitted(cells[column.index].text, to: column.width)
            let padding = String(repeating: " ", count: column.width - displayWidth(text))
            let styled = terminal.styled(text, cells[column.index].style)
            let isLast = position == shown.count - 1
            if self.columns[column.index].isRightAligned {
                line += padding + styled
            } else {
                line += isLast ? styled : styled + padding
            }
            if !isLast { line += String(repeating: " ", count: Self.gap) }
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}
