import Glibc
import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Alerting

@Suite struct ExecSenderTests {
    private let scratch: Scratch

    init() throws { self.scratch = try Scratch() }

    private func group(of count: Int = 1, text: String = "down") -> AlertGroup {
        let alerts = (1...count).map { number in
            QueuedAlert(
                id: Int64(number), message: alert(text, incident: Int64(number), severity: .critical),
                arrivedAt: MonotonicInstant(nanoseconds: 0))
        }
        return AlertGroup(host: "web1", channel: "page", alerts: alerts, dropped: 0)
    }

    private func run(
        _ script: String, user: String? = nil, group: AlertGroup? = nil, deadline: Duration = .seconds(20)
    ) async throws -> DeliveryOutcome {
        try await self.run(
            command: ["/bin/sh", "-c", "cd \(self.scratch.path); \(script)"], user: user, group: group,
            deadline: deadline)
    }

    private func run(
        command: [String], user: String? = nil, group: AlertGroup? = nil, deadline: Duration = .seconds(20)
    ) async throws -> DeliveryOutcome {
        let sender = try ExecSender(deadline: deadline, killAfter: .milliseconds(200))
        let group = group ?? self.group()
        return try await within {
            await sender.deliver(group, to: Channel(name: "page", kind: .exec(command: command, user: user)))
        }
    }

    @Test func `the program gets the JSON on its input`() async throws {
        #expect(try await self.run("cat > input") == .delivered)
        #expect(self.scratch.read("input") == String(decoding: try self.group().json(), as: UTF8.self))
    }

    @Test func `its environment is these variables and nothing of ours`() async throws {
        setenv("HEALD_TEST_CANARY", "s3cret", 1)
        defer { unsetenv("HEALD_TEST_CANARY") }
        #expect(try await self.run("/usr/bin/env -u PWD -u OLDPWD -u SHLVL -u _ > environment") == .delivered)
        let lines = (self.scratch.read("environment") ?? "").split(separator: "\n").map(String.init).sorted()
        #expect(
            lines == [
                "HEALD_CHANNEL=page", "HEALD_COMPONENT=api", "HEALD_COUNT=1", "HEALD_EVENT=healing_failed",
                "HEALD_HOST=web1", "HEALD_INCIDENT=1", "HEALD_SEVERITY=CRITICAL", "HEALD_STATUS=firing",
                "HEALD_TEXT=api: down (CRITICAL)", "LANG=C.UTF-8",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ])
    }

    @Test func `no shell reads the text of an alert`() async throws {
        let hostile = "$(touch pwned) `touch pwned`; touch pwned\n\u{0}touch pwned"
        #expect(
            try await self.run("printf %s \"$HEALD_TEXT\" > text", group: self.group(text: hostile)) == .delivered)
        #expect(self.scratch.read("pwned") == nil)
        #expect(self.scratch.read("text") == "api: \(SafeText.escaped(hostile)) (CRITICAL)")
    }

    @Test(arguments: [
        ("exit 0", DeliveryOutcome.delivered),
        ("exit 1", .retry(reason: "its program ended with status 1")),
        ("exit 75", .retry(reason: "its program ended with status 75")),
        ("exit 65", .refused(reason: "its program ended with status 65", isAboutMessage: true)),
        ("exit 78", .refused(reason: "its program ended with status 78", isAboutMessage: false)),
        ("kill -SEGV $$", .retry(reason: "its program was ended by signal 11")),
    ])
    func `the way it ends decides`(script: String, expected: DeliveryOutcome) async throws {
        #expect(try await self.run(script) == expected)
    }

    @Test func `a program that is not there or not executable is a refusal`() async throws {
        let expected = DeliveryOutcome.refused(
            reason: "its program is not there or may not be executed", isAboutMessage: false)
        #expect(try await self.run(command: ["/nonexistent/program"]) == expected)
        let file = try self.scratch.write("plain", "not a program", mode: 0o600)
        #expect(try await self.run(command: [file]) == expected)
    }

    @Test func `megabytes of output neither block it nor are kept`() async throws {
        let script = "head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2; echo done > finished"
        #expect(try await self.run(script) == .delivered)
        #expect(self.scratch.read("finished") == "done\n")
    }

    @Test func `a program that does not read a large input ends as it likes`() async throws {
        let group = self.group(of: 250, text: String(repeating: "x", count: 2_000))
        try #require(try group.json().count > 400_000)
        #expect(try await self.run("exit 0", group: group) == .delivered)
        #expect(try await self.run("exit 3", group: group) == .retry(reason: "its program ended with status 3"))
    }

    @Test func `past its deadline the program and its grandchildren die, though they ignore SIGTERM`() async throws {
        let script = """
            trap '' TERM
            sh -c 'trap "" TERM; echo $$ > grandchild; while :; do sleep 0.05; done' &
            echo $$ > child
            while :; do sleep 0.05; done
            """
        let outcome = try await self.run(script, deadline: .milliseconds(700))
        #expect(outcome == .retry(reason: "its program did not end within 0.7 s and was killed"))
        for name in ["child", "grandchild"] {
            let text = try #require(self.scratch.read(name), "\(name) never ran")
            let process = try #require(pid_t(text.dropLast()))
            // The kernel is given a moment to take them away; a bounded number of looks, each yielding.
            var looks = 0
            while Self.isAlive(process) && looks < 200 {
                looks += 1
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(!Self.isAlive(process), "\(name) \(process) is still there")
        }
    }

    private static func isAlive(_ process: pid_t) -> Bool {
        let descriptor = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return false }
        let text = String(decoding: buffer.prefix(count), as: UTF8.self)
        // Where nobody reaps, what is dead stays as a zombie.
        return text.split(separator: ")").last?.hasPrefix(" Z") == false
    }

    @Test func `a grandchild that keeps the output open does not hold up the delivery`() async throws {
        let outcome = try await self.run("sleep 5 & echo $! > pid; exit 0")
        #expect(outcome == .delivered)
        let process = try #require(self.scratch.read("pid").flatMap { pid_t($0.dropLast()) })
        kill(process, SIGKILL)
    }

    @Test func `it leads a session of its own`() async throws {
        #expect(try await self.run("echo $$ > self; cut -d' ' -f6 /proc/$$/stat > session") == .delivered)
        #expect(self.scratch.read("self") == self.scratch.read("session"))
    }

    @Test func `it runs as the user asked for, with that user's groups only`() async throws {
        try #require(geteuid() == 0, "running as another user takes root")
        try #require(chmod(self.scratch.path, 0o777) == 0)
        // Groups of ours that it must not inherit. They change nothing for the other tests, which run as root.
        try #require(setgroups(2, [4, 24]) == 0)
        #expect(try await self.run("id -u > uid; id -G > gids; cat > input", user: "nobody") == .delivered)
        #expect(self.scratch.read("uid") == "65534\n")
        #expect(self.scratch.read("gids") == "65534\n")
        #expect(self.scratch.read("input") == String(decoding: try self.group().json(), as: UTF8.self))
    }

    @Test func `a user who does not exist is a refusal`() async throws {
        #expect(
            try await self.run("exit 0", user: "no-such-user")
                == .refused(reason: "there is no user no-such-user", isAboutMessage: false))
    }
}
