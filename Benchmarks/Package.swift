// swift-tools-version: 6.2
import PackageDescription

// Measurements beside their peers. A package of its own, so that users of heald never build it.
let package = Package(
    name: "heald-benchmarks",
    dependencies: [.package(name: "heald", path: "..")],
    targets: [
        // The other side of the HTTP benchmark, and the loop in C that the prober is measured against.
        .executableTarget(name: "http-target", cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra"])]),
        .executableTarget(name: "http-peer", cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra"])]),
        .executableTarget(name: "http-probe", dependencies: [.product(name: "Probes", package: "heald")]),
        // What the protections around a call cost, with an allocator that counts.
        .target(name: "CAllocations"),
        .executableTarget(
            name: "resilience-calls", dependencies: ["CAllocations", .product(name: "Resilience", package: "heald")]),
        // A million incidents to ask healctl about.
        .executableTarget(name: "long-history", dependencies: [.product(name: "AuditTrail", package: "heald")]),
    ],
    swiftLanguageModes: [.v6]
)
