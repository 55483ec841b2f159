import Glibc
import NIOSSL
import Policy
import ResilienceCore
import Synchronization

/// Why no TLS can be spoken: nothing is known of the component.
struct TLSUnavailable: Error, Hashable, Sendable {
    var why: String
}

/// Keeps what TLS connections of one kind have in common, foremost the certificates that are trusted.
///
/// Reading them takes milliseconds and may hang on a dead file system: it is done on threads of their own, by one at a
/// time for each kind. What has been read serves until a newer file has been, and whether there is one is looked for
/// once a minute at most: so new authorities count soon, and a file system that hangs later holds up nobody.
final class TLSContexts: Sendable {
    typealias Answer = Result<NIOSSLContext, TLSUnavailable>

    private struct Entry {
        var context: NIOSSLContext?
        var identity: FileIdentity?
        var checkedAt: MonotonicInstant?
        var isReading = false
        var waiters: [@Sendable (Answer) -> Void] = []
    }

    private let entries = Mutex<[TLSTrust: Entry]>([:])
    private let pool = BlockingPool(name: "heald-tls", threadsMax: 4)
    private let freshFor: Duration
    /// Where reading never ends, those who gave up waiting must not pile up.
    private static let waitersMax = 1_000

    init(freshFor: Duration = .seconds(60)) { self.freshFor = freshFor }

    func stop() { self.pool.stop() }

    /// Calls back once: at once where something has been read before, else from another thread.
    func context(for trust: TLSTrust, then report: @escaping @Sendable (Answer) -> Void) {
        let now = ProbeClock.now()
        let (answer, mustRead) = self.entries.withLock { entries -> (Answer?, Bool) in
            var entry = entries[trust] ?? Entry()
            defer { entries[trust] = entry }
            let isFresh = entry.checkedAt.map { now - $0 < self.freshFor } ?? false
            let mustRead = !isFresh && !entry.isReading
            if mustRead { entry.isReading = true }
            if let context = entry.context { return (.success(context), mustRead) }
            guard entry.waiters.count < Self.waitersMax else {
                return (.failure(TLSUnavailable(why: "\(entry.waiters.count) checks wait for it already")), mustRead)
            }
            entry.waiters.append(report)
            return (nil, mustRead)
        }
        if let answer { report(answer) }
        guard mustRead, !self.pool.run({ self.read(trust) }) else { return }
        self.finish(trust, .failure(TLSUnavailable(why: "no thread could be made to read \(trust.subject)")))
    }

    // MARK: On a thread that may block

    private func read(_ trust: TLSTrust) {
        let known = self.entries.withLock { $0[trust] }
        let identity = trust.path.flatMap { FileIdentity(path: $0) }
        if let context = known?.context, identity == known?.identity {
            return self.finish(trust, .success(context), identity: identity)
        }
        do {
            self.finish(trust, .success(try Self.make(trust)), identity: identity)
        } catch let error as TLSUnavailable {
            self.finish(trust, .failure(error))
        } catch {
            let why = "\(trust.subject) cannot be used: \(TLSErrorText.text(error))"
            self.finish(trust, .failure(TLSUnavailable(why: why)))
        }
    }

    private func finish(_ trust: TLSTrust, _ answer: Answer, identity: FileIdentity? = nil) {
        let waiters = self.entries.withLock { entries in
            var entry = entries[trust] ?? Entry()
            entry.isReading = false
            if case .success(let context) = answer {
                entry.context = context
                entry.identity = identity
                entry.checkedAt = ProbeClock.now()
            }
            let waiters = entry.waiters
            entry.waiters = []
            entries[trust] = entry
            return waiters
        }
        for waiter in waiters { waiter(answer) }
    }

    private static func make(_ trust: TLSTrust) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        switch trust {
        case .system: configuration.trustRoots = .default
        case .anyone:
            configuration.trustRoots = .certificates([])
            configuration.certificateVerification = .none
        case .file(let path):
            switch CertificateFile.read(path) {
            case .certificates(let certificates): configuration.trustRoots = .certificates(certificates)
            case .failed(let finding): throw TLSUnavailable(why: finding.failure?.message ?? "")
            }
        }
        return try NIOSSLContext(configuration: configuration)
    }
}

extension TLSTrust {
    /// What has to be read for it, for messages.
    var subject: String {
        switch self {
        case .system, .anyone: "the list of this machine's certificate authorities"
        case .file(let path): path
        }
    }

    /// The file that tells by its change that something has to be read anew.
    fileprivate var path: String? {
        switch self {
        case .system: "/etc/ssl/certs/ca-certificates.crt"
        case .file(let path): path
        case .anyone: nil
        }
    }
}
