/// Where the control API listens and how much it lets anybody take.
public struct ControlServerConfiguration: Sendable {
    /// Who can reach `control.sock`. What a caller may then do is decided by the caller's credentials in any case.
    public enum SocketAccess: Sendable {
        /// Mode 0666: every local user can read the status; only operators can change anything.
        case everyoneReads
        /// Mode 0660 and the operators' group: nobody else can connect.
        case operatorsOnly
    }

    /// Holds `control.sock`; must not be writable by anybody but its owner.
    public var runtimeDirectory: String
    public var socketAccess: SocketAccess = .everyoneReads
    /// Members of this group may change things, beside root and the user that the supervisor runs as. A group that does
    /// not exist has no members.
    public var operatorGroup: String = "heald"
    /// Overrides the number that `operatorGroup` has in the system's databases.
    public var operatorGroupID: UInt32?
    /// A TCP listener, for reading only; `nil` for none.
    public var http: HTTPListener?
    public var limits = ControlLimits()
    /// What `GET /metrics` says beside the supervisor's own figures.
    public var metrics = ControlMetrics()
    /// What `GET /v1/version` says.
    public var version: String

    public init(runtimeDirectory: String, version: String) {
        self.runtimeDirectory = runtimeDirectory
        self.version = version
    }

    /// The path of the control socket.
    public var socketPath: String { "\(self.runtimeDirectory)/\(ControlSocket.name)" }
}

/// Bounds on what clients of the control API can take from the supervisor.
public struct ControlLimits: Sendable {
    public var bodyBytes = 64 * 1024
    /// Size of all request headers together.
    public var headerBytes = 16 * 1024
    /// Connections of operators at once. They are counted apart, so that no one else can lock them out.
    public var operatorConnections = 64
    /// Connections of everybody else at once.
    public var otherConnections = 64
    /// Connections of one user who is not an operator.
    public var connectionsPerUser = 16
    /// Connections over TCP at once.
    public var httpConnections = 64
    /// Event streams at once: of operators, of everybody else, of one user among those, and over TCP. Each of them has a
    /// connection as well.
    public var operatorStreams = 16
    public var otherStreams = 16
    public var streamsPerUser = 4
    public var httpStreams = 16
    /// After so long without anything to say a stream says that it is still there.
    public var streamKeepAlive: Duration = .seconds(15)
    /// No stream is longer; its client may begin the next where it ends.
    public var streamLongest: Duration = .seconds(86_400)
    /// How long a client gets to send a whole request, from its connection or from the last answer.
    public var request: Duration = .seconds(10)
    /// How long a client gets to take a whole answer, or of a stream the next part.
    public var response: Duration = .seconds(10)
    /// How long the supervisor gets to answer a question about its state.
    public var status: Duration = .seconds(5)
    /// How long the supervisor gets for a change.
    public var change: Duration = .seconds(30)
    /// How long the checks of `check` get.
    public var check: Duration = .seconds(120)
    /// Those who are not operators may be told a status that is this old, so that asking in a loop costs the supervisor
    /// a few answers a second, whoever asks.
    public var statusAge: Duration = .milliseconds(250)
    /// Metrics are never newer than that, whoever asks.
    public var metricsAge: Duration = .seconds(1)

    public init() {}

    /// The places of streams, counted as connections are.
    var ofStreams: Self {
        var limits = self
        limits.operatorConnections = self.operatorStreams
        limits.otherConnections = self.otherStreams
        limits.connectionsPerUser = self.streamsPerUser
        limits.httpConnections = self.httpStreams
        return limits
    }
}
