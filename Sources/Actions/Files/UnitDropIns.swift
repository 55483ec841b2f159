import Glibc
import Policy
import RecoveryEngine

/// Small files under /run beside a unit's own, all gone with the next start of the machine.
///
/// - SeeAlso: systemd.unit(5), "Unit File Load Path".
enum UnitDropIns {
    private static let directory = "/run/systemd/system"
    private static let controlDirectory = "/run/systemd/system.control"
    private static let name = "90-heald-isolated.conf"

    /// After systemd has read its files again, every start fails and says why.
    static func forbidStart(of unit: String) async -> ActionOutcome {
        await blocking {
            let directory = "\(Self.directory)/\(unit).d"
            if mkdir(directory, 0o755) != 0, errno != EEXIST { return Self.failed(directory) }
            let text = """
                # Written by heald: CIRCUIT_BREAK isolates this unit. `healctl resume` gives it a trial at once.
                [Unit]
                AssertPathExists=/run/heald/no-start-while-isolated

                """
            let path = directory + "/" + Self.name
            let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
            guard file >= 0 else { return Self.failed(path) }
            defer { close(file) }
            let bytes = Array(text.utf8)
            guard write(file, bytes, bytes.count) == bytes.count else { return Self.failed(path) }
            return ActionOutcome(.succeeded, detail: "\(unit) cannot be started")
        }
    }

    static func allowStart(of unit: String) async -> ActionOutcome {
        await blocking {
            let path = "\(Self.directory)/\(unit).d/\(Self.name)"
            if unlink(path) != 0, errno != ENOENT, errno != ENOTDIR { return Self.failed(path) }
            rmdir("\(Self.directory)/\(unit).d")
            return ActionOutcome(.succeeded, detail: "\(unit) may be started")
        }
    }

    /// Forgets limits that were set while it ran, so that those of its own files hold again once systemd has read them.
    static func forget(_ properties: [UnitProperty], of unit: String) async -> ActionOutcome {
        await blocking {
            for property in properties {
                for spelling in [property.name.rawValue, property.name.rawValue + "PerSecUSec"] {
                    let path = "\(Self.controlDirectory)/\(unit).d/50-\(spelling).conf"
                    if unlink(path) != 0, errno != ENOENT, errno != ENOTDIR { return Self.failed(path) }
                }
            }
            rmdir("\(Self.controlDirectory)/\(unit).d")
            return ActionOutcome(.succeeded, detail: "\(unit) has its own limits again")
        }
    }

    private static func failed(_ path: String) -> ActionOutcome {
        ActionOutcome(.failed, detail: "\(path): \(fileProblem(errno))")
    }
}
