import Actions
import Dispatch
import FoundationEssentials
import Logging
import ResilienceCore
import Supervisor
import Synchronization

/// Publishes degradation as `degradation.json` in the runtime directory, for services to read: replaced atomically, and
/// readable by everybody.
///
/// Writing happens on a queue of its own, so that a file system that hangs holds nobody up; of what waits there only the
/// newest is written.
public final class DegradationFileWriter: DegradationPublisher {
    public static let fileName = "degradation.json"

    private struct State {
        /// What waits to be written; `.some(nil)`: the file is to be removed.
        var waiting: DegradationNotice??
        var problem: String?
    }

    private let path: String
    private let logger: Logger
    private let queue = DispatchQueue(label: "heald-degradation")
    private let state = Mutex(State())

    public init(runtimeDirectory: String, logger: Logger) {
        self.path = "\(runtimeDirectory)/\(Self.fileName)"
        self.logger = logger
    }

    public var problem: String? { self.state.withLock { $0.problem } }

    public func publish(_ notice: DegradationNotice?) {
        let isFirst = self.state.withLock { state in
            defer { state.waiting = .some(notice) }
            return state.waiting == nil
        }
        if isFirst { self.queue.async { self.writeWaiting() } }
    }

    private func writeWaiting() {
        guard let notice = self.state.withLock({ $0.waiting.take() }) else { return }
        let problem = notice.map(self.write) ?? AtomicFile.remove(self.path)
        let before = self.state.withLock { state in
            defer { state.problem = problem }
            return state.problem
        }
        guard problem != before else { return }
        if let problem {
            self.logger.error(
                "The level of degradation cannot be published; services go by their defaults",
                metadata: ["why": "\(problem)"])
        } else {
            self.logger.notice("The level of degradation is published again")
        }
    }

    private func write(_ notice: DegradationNotice) -> String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let bytes = try? encoder.encode(notice) else { return "the notice cannot be written as JSON" }
        return AtomicFile.write(Array(bytes) + [UInt8(ascii: "\n")], to: self.path, mode: 0o644)
    }
}
