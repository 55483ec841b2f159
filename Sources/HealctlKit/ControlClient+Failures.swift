import Foundation
import Glibc

extension ControlClient {
    /// The answer, where heald did what it was asked to.
    ///
    /// - Throws: heald's own words where it did not.
    func accepted(_ answer: Answer) throws(CommandFailure) -> Answer {
        guard !(200..<300).contains(answer.status) else { return answer }
        struct Refusal: Decodable {
            var error: String
            var why: String
            var fix: String
        }
        guard let refusal = try? JSONDecoder().decode(Refusal.self, from: Data(answer.body)) else {
            throw Self.notUnderstood("its status is \(answer.status), without a reason")
        }
        let status: ExitStatus
        switch answer.status {
        case 400, 413: status = .usage
        case 403: status = .notPermitted
        case 404: status = .notFound
        case 409: status = .refused
        case 422: status = .badData
        case 503, 504: status = .unavailable
        default: status = .internalError
        }
        throw CommandFailure(status, what: refusal.error, why: refusal.why, fix: refusal.fix)
    }

    static func notUnderstood(_ why: String) -> CommandFailure {
        CommandFailure(
            .internalError, what: "The answer is not understood.", why: "In the answer, \(why).",
            fix: "See that heald and healctl are of the same version: healctl version.")
    }

    static func noSuchName(_ path: String) -> CommandFailure {
        CommandFailure(
            .notFound, what: "There is no component \"\(path.split(separator: "/").last ?? "")\".",
            why: "Names have only a-z, 0-9, '.', '_' and '-'.", fix: "See healctl status for the names.")
    }

    func unreachable(_ failure: UnixStream.Failure) -> CommandFailure {
        let reading = "What happened before can be read without it: healctl incidents."
        let why: String
        let fix: String
        switch (failure.call, failure.errno) {
        case ("connect", EACCES), ("connect", EPERM):
            return CommandFailure(
                .notPermitted, what: "You may not talk to heald.",
                why: "The socket \(self.socketPath) is for root and heald's group.",
                fix: "Use sudo, or have yourself added to the group and log in again.")
        case ("connect", ENOENT), ("connect", ENOTDIR):
            why = "There is no socket at \(self.socketPath)."
            fix = "systemctl status heald; or give its --runtime-dir. \(reading)"
        case ("connect", ECONNREFUSED):
            why = "Nobody listens at \(self.socketPath): heald ended without cleaning up."
            fix = "systemctl status heald. \(reading)"
        case (_, ETIMEDOUT), ("connect", EAGAIN):
            why = "It did not answer in time."
            fix = "See journalctl -u heald for what keeps it. \(reading)"
        case ("recv", ECONNRESET), ("send", EPIPE):
            why = "It closed the connection: it stops, or has too many clients."
            fix = "Try again in a few seconds. \(reading)"
        default:
            why = "\(failure.call): \(String(cString: strerror(failure.errno)))."
            fix = "systemctl status heald. \(reading)"
        }
        return CommandFailure(.unavailable, what: "heald cannot be reached.", why: why, fix: fix)
    }
}
