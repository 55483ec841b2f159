import Glibc
import Policy
import Probes
import RecoveryEngine
import ResilienceCore
import Testing

@Suite(.timeLimit(.minutes(1))) struct ExecCheckTests {
    let prober: SystemProber
    init() throws { self.prober = try SystemProber() }

    @Test(arguments: [
        (0, Verdict.up, FailureReason?.none), (1, .degraded, .other), (2, .down, .other), (3, .unknown, .other),
        (4, .unknown, .other), (78, .down, .misconfigured), (126, .unknown, .misconfigured),
        (127, .unknown, .misconfigured), (255, .unknown, .other),
    ])
    func `the plugin convention decides by exit status`(status: Int, verdict: Verdict, reason: FailureReason?) async {
        let result = await self.prober.script("echo 'DISK: 3 % free | /=97%;80;90'; exit \(status)")
        #expect(result.verdict == verdict)
        #expect(result.reason == reason)
        #expect(result.output == "DISK: 3 % free | /=97%;80;90\n")
        if verdict == .degraded || verdict == .down { #expect(result.message == "DISK: 3 % free") }
    }

    @Test(arguments: [
        (0, Verdict.up, FailureReason?.none), (1, .down, .other), (3, .down, .other), (78, .down, .misconfigured),
        (127, .down, .misconfigured),
    ])
    func `the exit convention knows only zero and the rest`(
        status: Int, verdict: Verdict, reason: FailureReason?
    ) async {
        let result = await self.prober.script("exit \(status)", convention: .exit)
        #expect(result.verdict == verdict)
        #expect(result.reason == reason)
        if verdict == .down { #expect(result.message == "/bin/sh exited with status \(status)") }
    }

    @Test func `messages say what happened`() async {
        let strange = await self.prober.script("echo odd; exit 9")
        #expect(strange.message == "/bin/sh exited with status 9, which means nothing to the plugin convention: odd")
        let error = await self.prober.script("echo 'no route' >&2; exit 2")
        #expect(error.message == "no route")
        #expect(error.output == "stderr: no route\n")
        let killed = await self.prober.script("echo nearly; kill -SEGV $$")
        #expect(killed.verdict == .unknown)
        #expect(killed.failure == Failure(reason: .crashed, message: "/bin/sh was killed by signal 11: nearly"))
        let silent = await self.prober.script("exit 2")
        #expect(silent.message == "/bin/sh exited with status 2")
    }

    @Test func `what cannot be executed is misconfigured, by name`() async {
        func message(_ command: [String], user: String? = nil, directory: String = "/") async -> String {
            let result = await self.prober.result(
                of: .exec(ExecCheck(command: command, user: user, workingDirectory: directory)))
            #expect(result.verdict == .down)
            #expect(result.reason == .misconfigured)
            return result.message
        }
        #expect(await message(["/no/such"]) == "/no/such does not exist, or its interpreter does not")
        #expect(await message(["/etc/passwd"]) == "/etc/passwd may not be executed: Permission denied")
        #expect(await message(["/"]) == "/ may not be executed: Permission denied")
        #expect(await message(["true"]) == "the command's first word must be an absolute path")
        #expect(await message([]) == "the command's first word must be an absolute path")
        #expect(await message(["/bin/true"], user: "no-such-user") == "there is no user no-such-user")
        #expect(
            await message(["/bin/true"], directory: "/no/such")
                == "/bin/true cannot run in /no/such: No such file or directory")
        #expect(
            await message(["/bin/true", "a\0b"]) == "the command, its environment or directory contains a NUL byte")
    }

    @Test func `the environment is clean, and standard input is empty`() async {
        setenv("HEALD_TEST_SECRET", "canary", 1)
        let result = await self.prober.script(
            "cat; pwd; /usr/bin/env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | sort", environment: ["A": "1 2"],
            workingDirectory: "/tmp")
        #expect(
            result.output == """
                /tmp
                A=1 2
                LANG=C.UTF-8
                PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

                """)
    }

    @Test func `no descriptor, signal setting or limit of the supervisor's is inherited`() async {
        // One that would be, if the program's start did not see to it.
        let leak = open("/dev/null", O_RDONLY)
        defer { close(leak) }
        signal(SIGPIPE, SIG_IGN)
        let result = await self.prober.script(
            """
            ls /proc/self/fd | tr '\\n' ' '; echo
            grep -E '^Sig(Blk|Ign)' /proc/self/status
            ulimit -c; umask; cat /proc/self/oom_score_adj
            test $(ps -o sid= -p $$) -eq $$ && test $(ps -o pgid= -p $$) -eq $$ && echo leader
            """)
        #expect(
            result.output == """
                0 1 2 3\(" ")
                SigBlk:\t0000000000000000
                SigIgn:\t0000000000000000
                0
                0022
                0
                leader

                """)
    }

    @Test(.enabled(if: geteuid() == 0, "only root may change users"))
    func `a program runs as its user, with that user's groups only`() async {
        let result = await self.prober.script("id -u; id -g; grep ^Groups: /proc/self/status", user: "nobody")
        #expect(result.output == "65534\n65534\nGroups:\t65534 \n")
        let refused = await self.prober.result(of: .exec(ExecCheck(command: ["/root/x"], user: "nobody")))
        #expect(refused.message == "/root/x may not be executed by nobody: Permission denied")
        let root = await self.prober.script("id -u", user: "root")
        #expect(root.output == "0\n")
    }

    @Test func `hostile output is bounded and made safe`() async {
        let large = await self.prober.script("head -c 50000000 /dev/zero | tr '\\0' x; exit 2")
        #expect(large.verdict == .down)
        #expect(large.output == String(repeating: "x", count: 4_096))
        #expect(large.message == String(repeating: "x", count: 497) + "…")

        let bytes = await self.prober.script("printf 'a\\000b\\377c\\033[2J\\302\\233d'; exit 1")
        #expect(bytes.output == "a\\u{0}b\u{FFFD}c\\u{1b}[2J\\u{9b}d")
        #expect(bytes.message == "a\\u{0}b\u{FFFD}c\\u{1b}[2J\\u{9b}d")

        let both = await self.prober.script("yes out | head -c 9999; yes err | head -c 9999 >&2; exit 2")
        #expect(both.output?.contains("out\n") == true)
        #expect(both.output?.contains("stderr: err\n") == true)
        #expect((both.output?.utf8.count ?? .max) <= 4_096)
    }
}
