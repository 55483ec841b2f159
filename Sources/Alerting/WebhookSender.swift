import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import Policy
import ResilienceCore

/// POSTs a group as JSON (`AlertGroup`) to a URL.
///
/// - Answers: 2xx is delivered. 408, 425, 429 and 5xx are tried again, not before `Retry-After` (seconds, or an HTTP
///   date). Everything else is a refusal; redirects are not followed, since the token must go nowhere else.
/// - The token goes only into the `Authorization` header, the URL only into the request: paths of webhooks are often
///   secrets themselves. What the other side answers in its body is not read, so it can neither flood nor echo.
/// - Each delivery has a fresh connection: an idle one would be half dead when it is needed.
///
/// The HTTP client comes into being with the first delivery: a host without webhooks never pays for it.
actor WebhookSender: AlertSender {
    private let connect: Duration
    private let answer: Duration
    private var client: HTTPClient?

    init(connect: Duration, answer: Duration) {
        self.connect = connect
        self.answer = answer
    }

    /// Ends the client, where there is one; the next delivery makes a new one.
    func shutdown() async {
        guard let client = self.client else { return }
        self.client = nil
        // It fails only where it has been shut down already.
        try? await client.shutdown()
    }

    private func currentClient() -> HTTPClient {
        if let client = self.client { return client }
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.timeout = HTTPClient.Configuration.Timeout(
            connect: .nanoseconds(self.connect.inNanoseconds), read: .nanoseconds(self.answer.inNanoseconds))
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        self.client = client
        return client
    }

    func deliver(_ group: AlertGroup, to channel: Policy.Channel) async -> DeliveryOutcome {
        guard case .webhook(let url, let secretFile) = channel.kind else {
            return .refused(reason: "the channel is not a webhook", isAboutMessage: false)
        }
        let scheme = url.prefix { $0 != ":" }.lowercased()
        guard scheme == "http" || scheme == "https" else {
            return .refused(reason: Self.badAddress, isAboutMessage: false)
        }
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "User-Agent", value: "heald")
        request.headers.add(name: "Connection", value: "close")
        do {
            if let secretFile {
                let token = try SecretFile.read(secretFile)
                request.headers.add(name: "Authorization", value: "Bearer " + token)
            }
            request.body = .bytes(ByteBuffer(bytes: try group.json()))
        } catch let error as SecretFileError {
            return .refused(reason: error.description, isAboutMessage: false)
        } catch {
            return .refused(reason: "the message cannot be written as JSON", isAboutMessage: true)
        }
        do {
            let response = try await self.currentClient().execute(
                request, timeout: .nanoseconds(self.answer.inNanoseconds))
            return Self.outcome(
                status: Int(response.status.code), retryAfter: response.headers.first(name: "Retry-After"),
                hasToken: secretFile != nil)
        } catch {
            return Self.outcome(of: error)
        }
    }
}

extension WebhookSender {
    static func outcome(status: Int, retryAfter: String?, hasToken: Bool) -> DeliveryOutcome {
        switch status {
        case 200..<300: .delivered
        case 408, 425, 429, 500...:
            .retry(reason: "it answered \(status)", after: retryAfter.flatMap { Self.wait($0, now: Int64(time(nil))) })
        case 300..<400:
            .refused(
                reason: "it answered \(status), a redirect, which is not followed; put the final address into `url`",
                isAboutMessage: false)
        case 401, 403, 407:
            .refused(
                reason: "it answered \(status): "
                    + (hasToken ? "check the token in `secretFile`" : "it wants a token; set `secretFile`"),
                isAboutMessage: false)
        case 404, 405, 410:
            .refused(reason: "it answered \(status): check the path of `url`", isAboutMessage: false)
        default: .refused(reason: "it answered \(status): it does not accept this message", isAboutMessage: true)
        }
    }

    /// How long a `Retry-After` asks to wait.
    ///
    /// - Parameter now: seconds since 1970; the other form is a date.
    /// - SeeAlso: RFC 9110, 10.2.3 and 5.6.7 (only the form that senders must use).
    static func wait(_ value: String, now: Int64) -> Duration? {
        let words = value.prefix(64).split(whereSeparator: { $0 == " " || $0 == ":" }).map(String.init)
        // A day is beyond what the queue allows anyway, and keeps the arithmetic far from its limits.
        if words.count == 1, let seconds = Int64(words[0]) { return seconds < 0 ? nil : .seconds(min(seconds, 86_400)) }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard words.count == 8, words[7] == "GMT", let month = months.firstIndex(of: words[2]) else { return nil }
        let numbers = [1, 3, 4, 5, 6].compactMap { Int64(words[$0]) }
        guard numbers.count == 5, (1...31).contains(numbers[0]), (1970...9999).contains(numbers[1]) else { return nil }
        guard numbers[2...].allSatisfy({ (0...60).contains($0) }) else { return nil }
        let date = CivilDate(year: numbers[1], month: Int64(month) + 1, day: numbers[0])
        guard let days = date.daysSinceEpoch else { return nil }
        let seconds = days * 86_400 + numbers[2] * 3_600 + numbers[3] * 60 + numbers[4] - now
        return seconds > 0 ? .seconds(min(seconds, 86_400)) : nil
    }

    private static let badAddress = "`url` is not the address of a webhook (http://… or https://…)"

    /// In words of our own: an error's own description may hold the URL.
    private static func outcome(of error: any Error) -> DeliveryOutcome {
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .invalidURL, .emptyHost, .emptyScheme, .missingSocketPath:
                .refused(reason: Self.badAddress, isAboutMessage: false)
            case .connectTimeout, .getConnectionFromPoolTimeout: .retry(reason: "it cannot be reached in time")
            case .deadlineExceeded, .readTimeout, .writeTimeout: .retry(reason: "it does not answer in time")
            case .tlsHandshakeTimeout: .retry(reason: "its TLS handshake takes too long")
            case .remoteConnectionClosed: .retry(reason: "it closed the connection without an answer")
            case .cancelled: .retry(reason: "the delivery was interrupted")
            default: .retry(reason: "the exchange failed")
            }
        case is CancellationError: .retry(reason: "the delivery was interrupted")
        case let error as IOError: .retry(reason: "connecting failed: \(errnoText(error.errnoCode))")
        case is NIOConnectionError: .retry(reason: "it cannot be connected to")
        default: .retry(reason: "the exchange failed (\(type(of: error)))")
        }
    }
}
