import Glibc

/// What the place that output goes to can show.
public struct Terminal: Hashable, Sendable {
    /// Cells of a line; `nil` where lines may be of any length.
    public var width: Int?
    public var hasColors: Bool

    public init(width: Int? = nil, hasColors: Bool = false) {
        self.width = width
        self.hasColors = hasColors
    }

    /// Standard output: the width of its window, colours only on a terminal that has them and where nobody forbids them.
    ///
    /// What is not a terminal gets whole lines, since it is searched or kept.
    ///
    /// - Parameter environment: `COLUMNS` overrides the width; `NO_COLOR`, not empty, forbids colours, and so does
    ///   `TERM=dumb`.
    /// - SeeAlso: ioctl_tty(2), `TIOCGWINSZ`; no-color.org.
    public static func standardOutput(environment: (String) -> String?) -> Terminal {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        var width: Int?
        if isTerminal {
            var size = winsize()
            if ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { width = Int(size.ws_col) }
            width = width ?? 80
        }
        if let columns = environment("COLUMNS").flatMap(Int.init), columns > 0 { width = columns }
        let isForbidden = environment("NO_COLOR").map { !$0.isEmpty } ?? false
        let term = environment("TERM") ?? "dumb"
        return Terminal(
            width: width.map { max(40, $0) }, hasColors: isTerminal && !isForbidden && term != "dumb" && !term.isEmpty)
    }

    func styled(_ text: String, _ style: Style) -> String {
        guard self.hasColors, let code = style.code, !text.isEmpty else { return text }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}

/// How a text stands out.
public enum Style: Hashable, Sendable {
    case plain, good, doubtful, bad, faint, heading

    var code: String? {
        switch self {
        case .plain: nil
        case .good: "32"
        case .doubtful: "33"
        case .bad: "1;31"
        case .faint: "2"
        case .heading: "1"
        }
    }
}
