import Glibc
import Policy
import RecoveryEngine
import Resilience
import ResilienceCore
import Subprocess
import SystemPackage

/// Runs a program with a group as JSON (`AlertGroup`) on its standard input.
///
/// - Environment: nothing of ours. `PATH`, `LANG=C.UTF-8`, and of the foremost alert `HEALD_EVENT`, `HEALD_COMPONENT`,
///   `HEALD_INCIDENT`; of the group `HEALD_CHANNEL`, `HEALD_HOST`, `HEALD_STATUS` (`firing` or `resolved`),
///   `HEALD_SEVERITY`, `HEALD_COUNT`, `HEALD_TEXT` (one line). Values may hold what a service printed: quote them.
/// - Exit: 0 is delivered; 64, 65, 78, 126 and 127 are refusals (usage, data, configuration, cannot be executed, not
///   found: sysexits.h and sh(1)); every other status or signal is tried again.
/// - It leads a session of its own. Past the deadline its whole process group gets SIGTERM and, a little later,
///   SIGKILL. What it prints is not kept, however much it is. Processes that it leaves behind on a timely exit live on,
///   in this service's control group.
struct ExecSender: AlertSender {
    private let deadline: Duration
    private let killAfter: Duration
    /// Comes back only once a program that is late has gone, so that the next one does not run beside it.
    private let timeout: Timeout<ContinuousClock>

    /// - Throws: `SettingsError` for a deadline that is not positive.
    init(deadline: Duration, killAfter: Duration) throws(SettingsError) {
        self.deadline = deadline
        self.killAfter = killAfter
        self.timeout = try Timeout(deadline, clock: ContinuousClock(), late: .awaited)
    }

    func deliver(_ group: AlertGroup, to channel: Channel) async -> DeliveryOutcome {
        guard case .exec(let command, let user) = channel.kind, let program = command.first else {
            return .refused(reason: "the channel has no command", isAboutMessage: false)
        }
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: self.killAfter)
        ]
        if let user {
            guard let account = Account(named: user) else {
                return .refused(
                    reason: "there is no user \(SafeText.escaped(user, bytesMax: 64))", isAboutMessage: false)
            }
            options.userID = account.userID
            options.groupID = account.groupID
            options.supplementaryGroups = account.groups
        }
        let input: FileDescriptor
        do {
            input = try MemoryFile.holding(try group.json())
        } catch let error as Errno {
            return .retry(reason: "no memory for its input: \(errnoText(error.rawValue))")
        } catch {
            return .refused(reason: "the message cannot be written as JSON", isAboutMessage: true)
        }
        let configuration = Configuration(
            executable: .path(FilePath(program)), arguments: Arguments(Array(command.dropFirst())),
            environment: .custom(Self.environment(of: group)), workingDirectory: "/", platformOptions: options)
        return await self.run(configuration, input: input)
    }

    private func run(_ configuration: Configuration, input: FileDescriptor) async -> DeliveryOutcome {
        do throws(CallError) {
            return try await self.timeout.call {
                let outcome: DeliveryOutcome
                do {
                    let result = try await Subprocess.run(
                        configuration, input: .fileDescriptor(input, closeAfterSpawningProcess: true),
                        output: .discarded, error: .discarded)
                    outcome = Self.outcome(of: result.terminationStatus)
                } catch let error as SubprocessError {
                    outcome = Self.outcome(of: error)
                }
                // How a program ends that is being killed says nothing of the message.
                try Task.checkCancellation()
                return outcome
            }
        } catch {
            switch error.code {
            case .timedOut:
                return .retry(reason: "its program did not end within \(self.deadline.inSeconds) s and was killed")
            case .cancelled: return .retry(reason: "its program was killed, because heald is stopping")
            default: return .retry(reason: "its program could not be run")
            }
        }
    }

    private static func outcome(of status: TerminationStatus) -> DeliveryOutcome {
        switch status {
        case .exited(0): .delivered
        case .exited(let code) where [64, 65, 78, 126, 127].contains(code):
            .refused(reason: "its program ended with status \(code)", isAboutMessage: code == 65)
        case .exited(let code): .retry(reason: "its program ended with status \(code)")
        case .signaled(let signal): .retry(reason: "its program was ended by signal \(signal)")
        }
    }

    private static func outcome(of error: SubprocessError) -> DeliveryOutcome {
        if error.code == .executableNotFound {
            return .refused(reason: "its program is not there or may not be executed", isAboutMessage: false)
        }
        return .retry(reason: "its program could not be started")
    }

    private static func environment(of group: AlertGroup) -> [Environment.Key: String] {
        var environment: [Environment.Key: String] = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HEALD_CHANNEL": group.channel,
            "HEALD_HOST": SafeText.escaped(group.host, bytesMax: 256),
            "HEALD_STATUS": group.isResolved ? "resolved" : "firing",
            "HEALD_SEVERITY": group.severity.rawValue,
            "HEALD_COUNT": String(group.alerts.count),
            "HEALD_TEXT": group.summary,
        ]
        if let message = group.foremost?.message {
            environment["HEALD_EVENT"] = message.event.rawValue
            environment["HEALD_COMPONENT"] = message.component.map { SafeText.escaped($0, bytesMax: 256) }
            environment["HEALD_INCIDENT"] = message.incident.map { String($0) }
        }
        return environment
    }
}

/// Who a user is.
private struct Account {
    var userID: uid_t
    var groupID: gid_t
    var groups: [gid_t]

    /// `nil` where there is no such user. Blocks for a look-up in the system's databases.
    init?(named name: String) {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        self.userID = entry.pw_uid
        self.groupID = entry.pw_gid
        var count: Int32 = 256
        var groups = Array<gid_t>(repeating: 0, count: Int(count))
        guard getgrouplist(name, entry.pw_gid, &groups, &count) >= 0 else { return nil }
        self.groups = Array(groups.prefix(Int(count)))
    }
}

/// A file without a name, in memory.
///
/// A program's input comes from one rather than from a pipe: a program that never reads its input can then neither
/// block us nor end us by SIGPIPE, and a full disk stops no alert.
private enum MemoryFile {
    static func holding(_ bytes: [UInt8]) throws(Errno) -> FileDescriptor {
        let name = "/heald-\(getpid())-\(UInt64.random(in: .min ... .max))"
        let descriptor = shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        shm_unlink(name)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let error = Errno(rawValue: errno)
                close(descriptor)
                throw error
            }
            written += count
        }
        lseek(descriptor, 0, SEEK_SET)
        return FileDescriptor(rawValue: descriptor)
    }
}
