import CProbes
import Glibc
import Policy
import ResilienceCore

/// A program of a check, loaded and running, or the reason why not.
enum ExecProgram {
    /// A running program. Whoever takes it closes its descriptors.
    struct Running: Sendable {
        var pid: Int32
        var pidfd: Int32
        var out: Int32
        var err: Int32
    }

    enum Outcome: Sendable {
        case running(Running)
        case failed(Finding)
    }

    /// What every program gets, unless the policy says otherwise.
    static let environment = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
    ]

    /// Loads the program. May block for as long as its file system or the name service takes.
    static func spawn(_ check: ExecCheck) -> Outcome {
        guard let program = check.command.first, program.hasPrefix("/") else {
            return .failed(.down(.misconfigured, "the command's first word must be an absolute path"))
        }
        let environment = Self.environment.merging(check.environment) { $1 }.map { "\($0)=\($1)" }
        guard !(check.command + environment + [check.workingDirectory]).contains(where: { $0.utf8.contains(0) }) else {
            return .failed(.down(.misconfigured, "the command, its environment or directory contains a NUL byte"))
        }
        var user: cprobes_user?
        if let name = check.user {
            let found = cprobes_lookup_user(name)
            guard found.error == 0 else { return .failed(Self.noUser(name, found.error)) }
            // Who we are already we need not become; that also works without privileges.
            if found.uid != geteuid() || geteuid() == 0 { user = found }
        }
        return Self.spawn(check, program: program, environment: environment, user: user)
    }

    private static func spawn(
        _ check: ExecCheck, program: String, environment: [String], user: cprobes_user?
    ) -> Outcome {
        var ends: (out: (Int32, Int32), err: (Int32, Int32)) = ((-1, -1), (-1, -1))
        var error = -cprobes_pipe(&ends.out.0, &ends.out.1)
        if error == 0 { error = -cprobes_pipe(&ends.err.0, &ends.err.1) }
        guard error == 0 else {
            for fd in [ends.out.0, ends.out.1] where fd >= 0 { close(fd) }
            return .failed(.unknown("\(program) could not be started: \(errorText(error))", reason: .resource))
        }
        let spawned = Self.withCStrings(check.command) { argv in
            Self.withCStrings(environment) { envp in
                check.workingDirectory.withCString { directory in
                    var request = cprobes_spawn_request()
                    request.argv = argv
                    request.envp = envp
                    request.directory = directory
                    request.out = ends.out.1
                    request.err = ends.err.1
                    guard var user else { return cprobes_spawn(&request) }
                    request.switch_user = true
                    request.uid = user.uid
                    request.gid = user.gid
                    request.group_count = Int(user.group_count)
                    return withUnsafeBytes(of: &user.groups) { groups in
                        request.groups = groups.baseAddress?.assumingMemoryBound(to: gid_t.self)
                        return cprobes_spawn(&request)
                    }
                }
            }
        }
        close(ends.out.1)
        close(ends.err.1)
        guard spawned.error == 0 else {
            close(ends.out.0)
            close(ends.err.0)
            return .failed(Self.failure(spawned, check: check, program: program))
        }
        return .running(Running(pid: spawned.pid, pidfd: spawned.pidfd, out: ends.out.0, err: ends.err.0))
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeBufferPointer { buffer in
            // Never empty: it ends in nil.
            buffer.baseAddress.map(body) ?? withUnsafePointer(to: nil) { body($0) }
        }
    }

    private static func noUser(_ name: String, _ error: Int32) -> Finding {
        switch error {
        case EMFILE, ENFILE, ENOMEM, EIO, EINTR, EAGAIN:
            .unknown("the user \(name) could not be looked up: \(errorText(error))", reason: .resource)
        case E2BIG: .down(.misconfigured, "the user \(name) is in more than 256 groups")
        default: .down(.misconfigured, "there is no user \(name)")
        }
    }

    private static func failure(_ spawned: cprobes_spawned, check: ExecCheck, program: String) -> Finding {
        let why = errorText(spawned.error)
        switch (spawned.stage, spawned.error) {
        case (_, EAGAIN), (_, ENOMEM), (_, EMFILE), (_, ENFILE), (_, ENOSPC):
            return .unknown("\(program) could not be started: \(why)", reason: .resource)
        case (CPROBES_SPAWN_USER, EPERM):
            return .down(.misconfigured, "\(program) cannot run as \(check.user ?? "?"): only root may change users")
        case (CPROBES_SPAWN_USER, _):
            return .down(.misconfigured, "\(program) cannot run as \(check.user ?? "?"): \(why)")
        case (CPROBES_SPAWN_DIRECTORY, _):
            return .down(.misconfigured, "\(program) cannot run in \(check.workingDirectory): \(why)")
        case (CPROBES_SPAWN_EXEC, ENOENT):
            return .down(.misconfigured, "\(program) does not exist, or its interpreter does not")
        case (CPROBES_SPAWN_EXEC, EACCES):
            let user = check.user.map { " by \($0)" } ?? ""
            return .down(.misconfigured, "\(program) may not be executed\(user): \(why)")
        case (CPROBES_SPAWN_EXEC, ENOEXEC):
            return .down(.misconfigured, "\(program) is no program that this machine can run, and has no #! line")
        case (CPROBES_SPAWN_EXEC, ETXTBSY):
            return .unknown("\(program) is being written to")
        case (CPROBES_SPAWN_EXEC, _):
            return .down(.misconfigured, "\(program) could not be executed: \(why)")
        default:
            return .unknown("\(program) could not be started: \(why)", reason: .resource)
        }
    }
}
