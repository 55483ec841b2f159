import RecoveryEngine
import ResilienceCore

/// What services were last told, and when they are told again.
struct DegradationNews {
    /// Readers may take what is older than 10 s and a margin for the word of a supervisor that is gone: it comes from the
    /// decision loop itself, so that one that no longer decides falls silent.
    static let repeated = Duration.seconds(5)

    var notice: DegradationNotice?
    var dueAt: MonotonicInstant?
}

extension DecisionLoop {
    func publish(_ notice: DegradationNotice?) {
        self.news.notice = notice
        self.news.dueAt = notice == nil ? nil : self.now.monotonic + DegradationNews.repeated
        self.ports.degradation.publish(notice)
    }

    func publishAgain() {
        guard let due = self.news.dueAt, due <= self.now.monotonic else { return }
        self.publish(self.news.notice)
    }

    func degradationStatus() -> DegradationStatus? {
        self.engine.degradation.map { DegradationStatus($0, problem: self.ports.degradation.problem) }
    }
}
