import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import Policy
import Resilience
import ResilienceCore
import ResilienceHTTPClient

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
    /// One for all channels: its bound is far above what channels that hang one after the other could abandon.
    private let timeout: Timeout<ContinuousClock>
    private let metrics: CallMetrics?
    private var client: HTTPClient?

    /// - Parameter metrics: counts the calls of all webhooks, as `webhook`.
    /// - Throws: `SettingsError` for an `answer` that is not positive.
    init(connect: Duration, answer: Duration, metrics: CallMetrics? = nil) throws(SettingsError) {
        self.metrics = metrics
        self.connect = connect
        self.answer = answer
        self.timeout = try Timeout(answer, clock: ContinuousClock(), abandonedMax: 1_000)
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
        return await self.send(request, hasToken: secretFile != nil)
    }

    /// One try; the next one is for the channel's queue to make, which outlives this process.
    private func send(_ request: HTTPClientRequest, hasToken: Bool) async -> DeliveryOutcome {
        let began = ContinuousClock.now
        do throws(CallError) {
            try await self.timeout.call("webhook") { [client = self.currentClient()] in
                let response = try await client.execute(request, deadline: .distantFuture)
                let status = Int(response.status.code)
                guard !(200..<300).contains(status) else { return }
                throw Answered(
                    httpStatus: status,
                    retryAfter: response.headers.first(name: "Retry-After").flatMap {
                        RetryAfter.parse(Array($0.utf8), now: .now, longest: ChannelQueue.retryAfterMax)
                    })
            }
            self.metrics?.succeeded("webhook", took: ContinuousClock.now - began)
            return .delivered
        } catch {
            self.metrics?.failed("webhook", error, took: ContinuousClock.now - began)
            return Self.outcome(of: error, hasToken: hasToken)
        }
    }
}

/// An answer other than that the message was taken.
private struct Answered: HTTPStatusError {
    var httpStatus: Int
    var retryAfter: Duration?
}

extension WallTime {
    fileprivate static var now: WallTime { WallTime(microseconds: Int64(time(nil)) * 1_000_000) }
}

extension WebhookSender {
    private static let badAddress = "`url` is not the address of a webhook (http://… or https://…)"
    private static let classifier: any ErrorClassifier = HTTPClientClassifier().or(StandardClassifier())

    private static func outcome(of error: CallError, hasToken: Bool) -> DeliveryOutcome {
        switch error.code {
        case .timedOut: return .retry(reason: "it does not answer in time")
        case .cancelled: return .retry(reason: "the delivery was interrupted")
        case .tooManyAbandoned: return .retry(reason: "too many deliveries hang")
        default: break
        }
        if let answered = error.root as? Answered { return self.outcome(of: answered, hasToken: hasToken) }
        // A request that cannot even be begun: there is nothing wrong with it but its address.
        if self.classifier.classify(error.root)?.reason == .invalidRequest {
            return .refused(reason: self.badAddress, isAboutMessage: false)
        }
        return .retry(reason: self.reason(of: error.root))
    }

    private static func outcome(of answered: Answered, hasToken: Bool) -> DeliveryOutcome {
        let status = answered.httpStatus
        // Whatever a server says of itself may pass, also that it cannot do this.
        if status >= 500 || self.classifier.classify(answered)?.isWorthRetrying == true {
            return .retry(reason: "it answered \(status)", after: answered.retryAfter)
        }
        let reason =
            switch status {
            case 300..<400: "a redirect, which is not followed; put the final address into `url`"
            case 401, 403, 407:
                hasToken ? "check the token in `secretFile`" : "it wants a token; set `secretFile`"
            case 404, 405, 410: "check the path of `url`"
            default: "it does not accept this message"
            }
        let isRedirect = (300..<400).contains(status)
        return .refused(
            reason: "it answered \(status)\(isRedirect ? "," : ":") \(reason)",
            isAboutMessage: ![401, 403, 404, 405, 407, 410].contains(status) && !isRedirect)
    }

    /// In words of our own: an error's own description may hold the URL.
    private static func reason(of error: any Error) -> String {
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .connectTimeout, .getConnectionFromPoolTimeout: "it cannot be reached in time"
            case .deadlineExceeded, .readTimeout, .writeTimeout: "it does not answer in time"
            case .tlsHandshakeTimeout: "its TLS handshake takes too long"
            case .remoteConnectionClosed: "it closed the connection without an answer"
            case .cancelled: "the delivery was interrupted"
            default: "the exchange failed"
            }
        case let error as IOError: "connecting failed: \(errnoText(error.errnoCode))"
        case is NIOConnectionError: "it cannot be connected to"
        default: "the exchange failed (\(type(of: error)))"
        }
    }
}
