import ResilienceCore

/// What happened in a simulated run, line by line; equal seeds give equal traces, byte for byte.
struct Trace: Sendable {
    enum Mode: Sendable {
        /// Nothing is kept: the fastest.
        case off
        case all
    }

    private let mode: Mode
    private(set) var lines: [String] = []

    init(_ mode: Mode) { self.mode = mode }

    /// The line is not even made where nobody wants it.
    mutating func add(_ line: @autoclosure () -> String, at now: MonotonicInstant, wall: WallTime) {
        guard self.mode == .all else { return }
        self.lines.append("\(seconds(now)) \(line())")
    }
}
