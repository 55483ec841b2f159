import NIOSSL
import Policy

/// Certificates in PEM form, by calls that may block.
enum CertificateFile {
    enum Content {
        /// At least one.
        case certificates([NIOSSLCertificate])
        case failed(Finding)
    }

    /// A machine's whole list of authorities has a quarter of it.
    private static let bytesMax = 1 << 20

    static func read(_ path: String) -> Content {
        let content: [UInt8]
        switch FileProbe.read(path, limit: self.bytesMax) {
        case .bytes(let bytes): content = bytes
        case .failed(let finding): return .failed(finding)
        }
        guard content.count <= self.bytesMax else {
            return .failed(.down(.certificate, "\(path) has more than \(bytesText(Int64(self.bytesMax)))"))
        }
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(content), !certificates.isEmpty else {
            return .failed(.down(.certificate, "\(path) holds no certificates in PEM form that can be read"))
        }
        return .certificates(certificates)
    }
}
