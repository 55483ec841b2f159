import Glibc

/// Why a secret cannot be used. Never holds the secret.
struct SecretFileError: Error, Hashable, Sendable, CustomStringConvertible {
    var description: String
}

/// A bearer token kept in a file, read anew for each use so that it can be replaced at any time.
enum SecretFile {
    private static let bytesMax = 4_096

    /// - Returns: the file's text without white space at its ends.
    /// - Throws: `SecretFileError`: it cannot be read, is no regular file, belongs to somebody other than root or this
    ///   process's user, others may read or write it, or what it holds cannot be sent as a header.
    /// - Note: Blocks for the read of a small file; a pipe or a device in its place is refused without waiting.
    static func read(_ path: String) throws(SecretFileError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw Self.failed(path, errnoText()) }
        defer { close(descriptor) }
        // The file that is open is the one that is judged; its name may be swapped meanwhile.
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failed(path, errnoText()) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Self.failed(path, "it is not a regular file") }
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw Self.failed(path, "it belongs to user \(status.st_uid); give it to root (chown root)")
        }
        guard status.st_mode & 0o027 == 0 else {
            throw Self.failed(path, "others may read it or the group may write it; run chmod 0600 (or 0640)")
        }
        var bytes = [UInt8](repeating: 0, count: Self.bytesMax + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
            }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw Self.failed(path, errnoText()) }
            if got == 0 { break }
            count += got
        }
        guard count <= Self.bytesMax else { throw Self.failed(path, "it is longer than \(Self.bytesMax) bytes") }
        return try Self.token(in: bytes.prefix(count), path: path)
    }

    private static func token(in bytes: ArraySlice<UInt8>, path: String) throws(SecretFileError) -> String {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
        else { throw Self.failed(path, "it is empty") }
        let token = bytes[first...last]
        guard token.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Self.failed(path, "it holds something other than one word of printable ASCII")
        }
        return String(decoding: token, as: UTF8.self)
    }

    private static func failed(_ path: String, _ why: String) -> SecretFileError {
        SecretFileError(description: "cannot use secretFile \(SafeText.escaped(path, bytesMax: 512)): \(why)")
    }
}

/// The text of this thread's errno.
func errnoText(_ number: Int32 = errno) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    // The POSIX form; the buffer is terminated whatever happens.
    _ = strerror_r(number, &buffer, buffer.count - 1)
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
