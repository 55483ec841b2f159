// swift-tools-version: 6.2
import PackageDescription

// Warnings are errors where HEALD_STRICT is set (the Makefile and CI set it), so that a newer
// compiler's new warning never keeps an operator from building a release.
let strict = Context.environment["HEALD_STRICT"] != nil

let swiftSettings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + (strict ? [.treatAllWarnings(as: .error)] : [])

/// A library module of ours: `Sources/<name>`.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// The tests of a module: `Tests/<name>Tests`.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies,
        resources: resources, swiftSettings: swiftSettings)
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")

let package = Package(
    name: "heald",
    products: [
        .executable(name: "heald", targets: ["heald"]),
        .executable(name: "healctl", targets: ["healctl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        // Inner modules: values and decisions. No I/O, no clock, no randomness of their own.
        module("ResilienceCore"),
        module("Policy", ["ResilienceCore"]),
        module("RecoveryEngine", ["ResilienceCore", "Policy", heap]),
        // The one loop and the ports it needs.
        module("Supervisor", ["ResilienceCore", "Policy", "RecoveryEngine", logging, deque]),
        // Adapters. They never import each other, except Actions → Systemd.
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        module("Systemd", ["ResilienceCore", "Policy", "RecoveryEngine", "Supervisor", "CSystemd", logging]),
        module(
            "Probes",
            [
                "ResilienceCore", "Policy", "RecoveryEngine", "Supervisor", nioCore, nioPosix,
                .product(name: "Subprocess", package: "swift-subprocess"),
            ]),
        module("Actions", ["ResilienceCore", "Policy", "RecoveryEngine", "Supervisor", "Systemd"]),
        module(
            "AuditTrail",
            [
                "ResilienceCore", "Policy", "RecoveryEngine", "Supervisor",
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Crypto", package: "swift-crypto"),
            ]),
        module(
            "Alerting",
            [
                "ResilienceCore", "Policy", "RecoveryEngine", "Supervisor", logging, asyncHTTPClient, nioCore,
                .product(name: "Subprocess", package: "swift-subprocess"),
            ]),
        module(
            "ControlAPI",
            [
                "ResilienceCore", "Policy", "RecoveryEngine", "Supervisor", logging, nioCore, nioPosix,
                .product(name: "Hummingbird", package: "hummingbird"),
            ]),
        module("Simulation", ["ResilienceCore", "Policy", "RecoveryEngine", "Supervisor"]),
        // Wiring and commands only.
        .executableTarget(
            name: "heald",
            dependencies: [
                "ResilienceCore", "Policy", "RecoveryEngine", "Supervisor", "Systemd", "Probes", "Actions",
                "AuditTrail", "Alerting", "ControlAPI", logging, argumentParser, serviceLifecycle,
            ],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "healctl",
            dependencies: [
                "ResilienceCore", "Policy", "RecoveryEngine", "Supervisor", "AuditTrail", argumentParser,
                asyncHTTPClient, nioCore,
            ],
            swiftSettings: swiftSettings),
        tests("ResilienceCore"),
        tests("RecoveryEngine", ["ResilienceCore", "Policy"]),
    ],
    swiftLanguageModes: [.v6]
)
