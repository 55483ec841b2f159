import Foundation
import Testing

/// Certificates and TLS servers by openssl(1), in a directory of their own.
final class TLSServer: Sendable {
    static let isAvailable = FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")

    let directory: TestDirectory
    let port: Int
    private let process: Process
    /// The server ends with its standard input.
    private let input = Pipe()

    /// A server that answers requests for `path` with the file of that name in its directory.
    ///
    /// - Parameters:
    ///   - certificate: a PEM file of the directory with a key in it, too.
    ///   - options: further ones of `openssl s_server`.
    init(_ directory: TestDirectory, certificate: String = "server.pem", options: String = "-HTTP") throws {
        self.directory = directory
        // The kernel gives a port that is free now; nobody else asks for it by number.
        self.port = TestServer.deadPort()
        self.process = Process()
        self.process.executableURL = URL(filePath: "/usr/bin/openssl")
        self.process.arguments =
            "s_server -accept 127.0.0.1:\(self.port) -cert \(certificate) -key \(certificate) \(options)"
            .split(separator: " ").map(String.init)
        self.process.currentDirectoryURL = URL(filePath: directory.path)
        self.process.standardError = FileHandle.nullDevice
        let output = Pipe()
        self.process.standardOutput = output
        self.process.standardInput = self.input
        try self.process.run()
        var text = ""
        while !text.contains("ACCEPT") {
            try #require(isReadable(output.fileHandleForReading.fileDescriptor), "openssl s_server says nothing")
            let data = output.fileHandleForReading.availableData
            try #require(!data.isEmpty, "openssl s_server ended")
            text += String(decoding: data, as: UTF8.self)
        }
        // What it says later must not hold it up.
        output.fileHandleForReading.readabilityHandler = { handle in
            if handle.availableData.isEmpty { handle.readabilityHandler = nil }
        }
    }

    deinit {
        // SIGTERM may be blocked in it: it was made by a thread that blocks it.
        kill(self.process.processIdentifier, SIGKILL)
    }

    /// A key and a certificate for it in one PEM file.
    ///
    /// - Parameters:
    ///   - issuer: a file made by this function before; `nil`: it vouches for itself.
    ///   - days: when it begins and ends, from now.
    static func makeCertificate(
        _ directory: TestDirectory, _ file: String = "server.pem", names: String = "DNS:localhost,IP:127.0.0.1",
        issuer: String? = nil, days: ClosedRange<Int> = -40...30, isAuthority: Bool = false
    ) throws {
        let name = file.split(separator: ".")[0]
        _ = try directory.file("index.txt", "")
        _ = try directory.file("ca.cnf", Self.configuration)
        _ = try directory.file(
            "\(name).ext", "subjectAltName=\(names)\nbasicConstraints=CA:\(isAuthority ? "TRUE" : "FALSE")\n")
        try Self.run(
            directory,
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout \(name).key -out \(name).csr "
                + "-subj /CN=\(name)")
        let signer = issuer.map { "-cert \($0) -keyfile \($0)" } ?? "-selfsign -keyfile \(name).key"
        try Self.run(
            directory,
            "ca -batch -notext -config ca.cnf -in \(name).csr -out \(name).crt \(signer) "
                + "-extfile \(name).ext -startdate \(Self.date(days.lowerBound)) -enddate \(Self.date(days.upperBound))"
        )
        let parts = try ["crt", "key"].map {
            try String(contentsOfFile: "\(directory.path)/\(name).\($0)", encoding: .utf8)
        }
        _ = try directory.file(file, parts.joined())
    }

    private static let configuration = """
        [ca]
        default_ca = all
        [all]
        database = index.txt
        new_certs_dir = .
        default_md = sha256
        policy = any
        rand_serial = yes
        unique_subject = no
        [any]
        commonName = supplied
        """

    /// `20260131120000Z`, half an hour late, so that a test that takes seconds sees the same hours left.
    private static func date(_ days: Int) -> String {
        Date(timeIntervalSinceNow: Double(days) * 86_400 + 1_800).ISO8601Format().filter { $0.isNumber || $0 == "Z" }
    }

    private static func run(_ directory: TestDirectory, _ arguments: String) throws {
        try BoundedProcess(program: "/usr/bin/openssl", directory: directory.path).run(
            arguments.split(separator: " ").map(String.init))
    }
}
