/// A component's `isolate`: how long CIRCUIT_BREAK keeps it away from everybody.
public struct IsolatePolicy: Hashable, Sendable, Codable {
    /// How long it stays stopped before a trial.
    public var openFor: Duration

    public init(openFor: Duration = .seconds(60)) { self.openFor = openFor }
}
