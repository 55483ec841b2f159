import Policy
import RecoveryEngine
import ResilienceCore

/// What a channel was told of incidents that may still be open: decides about repetition and duplicates.
struct ToldAlerts: Sendable {
    private struct Telling: Sendable {
        var message: AlertMessage
        var at: MonotonicInstant
        var repetitions: Int
        /// Every text told of this incident, so that it is not told again; bounded.
        var said: [AlertMessage]
    }

    private static let saidMax = 16
    private var tellings: [Int64: Telling] = [:]

    /// Equal in all but the time.
    static func isSame(_ left: AlertMessage, _ right: AlertMessage) -> Bool {
        left.incident == right.incident && left.event == right.event && left.component == right.component
            && left.severity == right.severity && left.text == right.text
    }

    func hasTold(_ message: AlertMessage, within: Duration, at now: MonotonicInstant) -> Bool {
        guard let incident = message.incident, let telling = self.tellings[incident] else { return false }
        return now - telling.at < within && telling.said.contains { Self.isSame($0, message) }
    }

    mutating func told(_ message: AlertMessage, isRepeat: Bool, at now: MonotonicInstant) {
        guard let incident = message.incident else { return }
        guard message.event != .resolved else {
            self.tellings[incident] = nil
            return
        }
        var telling =
            self.tellings[incident]
            ?? Telling(message: message, at: now, repetitions: 0, said: [])
        telling.message = message
        telling.at = now
        if isRepeat { telling.repetitions += 1 } else { telling.repetitions = 0 }
        if !telling.said.contains(where: { Self.isSame($0, message) }) { telling.said.append(message) }
        if telling.said.count > Self.saidMax { telling.said.removeFirst() }
        self.tellings[incident] = telling
        guard self.tellings.count > ChannelQueue.rememberedMax else { return }
        if let oldest = self.tellings.min(by: { $0.value.at < $1.value.at }) { self.tellings[oldest.key] = nil }
    }

    mutating func resolve(incident: Int64) { self.tellings[incident] = nil }

    func nextRepetition(every interval: Duration) -> MonotonicInstant? {
        guard interval > .zero else { return nil }
        return self.repeatable.map { $0.value.at + interval }.min()
    }

    /// The messages to repeat now, oldest telling first.
    ///
    /// - Parameter waiting: incidents of which there is something to tell anyway, their `resolved` perhaps.
    mutating func takeRepetitions(
        every interval: Duration, except waiting: [Int64: Int], at now: MonotonicInstant
    ) -> [AlertMessage] {
        guard interval > .zero else { return [] }
        let due = self.repeatable.filter { $0.value.at + interval <= now && waiting[$0.key] == nil }
        return due.sorted { ($0.value.at, $0.key) < ($1.value.at, $1.key) }.map(\.value.message)
    }

    private var repeatable: [Int64: Telling] {
        self.tellings.filter { $0.value.repetitions < ChannelQueue.repetitionsMax }
    }
}
