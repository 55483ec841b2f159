/// Where an incident stands, as in the stable JSON.
public enum IncidentState: String, CaseIterable, Hashable, Sendable, Codable {
    case open, resolved, exhausted, suppressed
}
