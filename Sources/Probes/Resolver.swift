import Glibc
import Resilience
import ResilienceCore
import Synchronization

/// Turns host names into addresses without ever blocking a check that does not need it.
///
/// Numeric addresses and `localhost` (RFC 6761, section 6.3) are answered at once. Other names are looked up by
/// getaddrinfo(3) on threads of their own, each name by one thread at a time however many checks ask for it, so that a
/// name server that does not answer holds up only the checks that need it. What a name means is part of what a check
/// checks, so an answer is used once; only where the name service cannot be asked the last one stands in for a while,
/// because that says nothing of the component.
final class Resolver: Sendable {
    enum Failure: Error, Hashable, Sendable {
        /// The name service answered: there is no such name, or no address for it.
        case noSuchName(String)
        /// The name service could not be asked, by its own word.
        case failed(String)
        /// This process could not ask: out of descriptors, memory or threads.
        case local(String)
    }

    typealias Answer = Result<[SocketAddress], Failure>

    private struct Lookup {
        var waiters: [@Sendable (Answer) -> Void] = []
        var hasBegun = false
    }

    private let lookups = Mutex<[String: Lookup]>([:])
    /// The last good answers. Its capacity is one that it takes.
    private let known = try? AnswerCache<String, [SocketAddress], ContinuousClock>(
        capacity: 10_000, clock: ContinuousClock())
    private let pool = BlockingPool(name: "heald-resolve", threadsMax: 16)
    /// Blocks until the name service has answered.
    private let lookUp: @Sendable (String) -> Answer
    /// No check tries more addresses than this.
    static let addressesMax = 4
    /// How long an answer may stand in for the name service.
    private static let standInMax = Duration.seconds(600)
    /// Where a look-up never ends, those who gave up waiting must not pile up.
    private static let waitersMax = 1_000

    init(lookUp: @escaping @Sendable (String) -> Answer = Resolver.askNameService) { self.lookUp = lookUp }

    /// The addresses that need no looking up; `nil` where the host is a name.
    static func immediate(_ host: String, port: Int) -> [SocketAddress]? {
        if let address = SocketAddress(numeric: host, port: port) { return [address] }
        guard host == "localhost" || host == "localhost." else { return nil }
        return ["127.0.0.1", "::1"].compactMap { SocketAddress(numeric: $0, port: port) }
    }

    /// Looks the name up and calls back once, from another thread.
    func resolve(_ host: String, port: Int, then report: @escaping @Sendable (Answer) -> Void) {
        let waiter: @Sendable (Answer) -> Void = { answer in
            report(answer.map { addresses in addresses.map { $0.with(port: port) } })
        }
        let before = self.lookups.withLock { lookups -> Int in
            let before = lookups[host]?.waiters.count ?? 0
            if before < Self.waitersMax { lookups[host, default: Lookup()].waiters.append(waiter) }
            return before
        }
        guard before < Self.waitersMax else {
            return report(.failure(.local("\(before) checks wait for it already")))
        }
        guard before == 0 else { return }
        let isRunning = self.pool.run {
            self.lookups.withLock { $0[host]?.hasBegun = true }
            self.finish(host, with: self.lookUp(host))
        }
        if !isRunning { self.finish(host, with: .failure(.local("no thread could be made to look it up"))) }
    }

    /// The last addresses of a name, and how old they are, for as long as the name service cannot be asked.
    func standIn(for host: String, port: Int) -> (addresses: [SocketAddress], age: Duration)? {
        self.known?.answer(for: host, notOlderThan: Self.standInMax).map { known in
            (known.value.map { $0.with(port: port) }, known.age)
        }
    }

    /// Whether a thread is asking for the name now.
    func hasBegun(_ host: String) -> Bool { self.lookups.withLock { $0[host]?.hasBegun ?? false } }

    func stop() { self.pool.stop() }

    private func finish(_ host: String, with answer: Answer) {
        if case .success(let addresses) = answer { self.known?.store(addresses, for: host) }
        let waiters = self.lookups.withLock { $0.removeValue(forKey: host)?.waiters ?? [] }
        for waiter in waiters { waiter(answer) }
    }

    /// getaddrinfo(3).
    static func askNameService(_ host: String) -> Answer {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = Int32(AI_ADDRCONFIG)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &list)
        let error = errno
        defer { if let list { freeaddrinfo(list) } }
        guard status == 0 else { return .failure(Self.failure(status, errno: error)) }
        var addresses: [SocketAddress] = []
        var next = list
        while let info = next?.pointee, addresses.count < self.addressesMax {
            if let address = SocketAddress(info) { addresses.append(address) }
            next = info.ai_next
        }
        return addresses.isEmpty ? .failure(.noSuchName("it has no address")) : .success(addresses)
    }

    /// glibc's `EAI_NODATA`: the name exists and has no address.
    private static let noData: Int32 = -5

    private static func failure(_ status: Int32, errno error: Int32) -> Failure {
        let text = String(cString: gai_strerror(status))
        switch status {
        case EAI_NONAME, Self.noData: return .noSuchName(text)
        case EAI_MEMORY: return .local(text)
        case EAI_SYSTEM:
            let isLocal = [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(error)
            return isLocal ? .local(errorText(error)) : .failed(errorText(error))
        default: return .failed(text)
        }
    }
}
