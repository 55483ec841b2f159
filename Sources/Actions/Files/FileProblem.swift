import Glibc

/// Why a file could not be changed, and what to do where that is heald's own unit.
func fileProblem(_ code: Int32) -> String {
    let text = String(cString: strerror(code))
    guard code == EROFS else { return text }
    return text + " (heald's unit may write only where ReadWritePaths= says; see `systemctl edit heald`)"
}
