import Glibc

/// Directories that heald writes to.
enum Directories {
    /// Makes the last part of `path` where it is missing; what is there already is left as it is.
    ///
    /// - Throws: `StartError` `cannotCreate`.
    static func ensure(_ path: String, mode: mode_t, flag: String) throws(StartError) {
        if mkdir(path, mode) == 0 || errno == EEXIST { return }
        // On a read-only filesystem mkdir(2) may say so before it says that the directory is there.
        let number = errno
        if access(path, F_OK) == 0 { return }
        throw StartError(
            .cannotCreate,
            [
                "Could not create \(path). Why: \(String(cString: strerror(number))). "
                    + "Fix: create it for heald's user, or give another \(flag)."
            ])
    }
}
