// swift-tools-version: 6.2
import PackageDescription

// Warnings are errors where HEALD_STRICT is set (the Makefile and CI set it), so that a newer
// compiler's new warning never keeps an operator from building a release.
let strict = Context.environment["HEALD_STRICT"] != nil

let swiftSettings: [SwiftSetting] =
    [.enableUpcomingFeature("ExistentialAny")] + (strict ? [.treatAllWarnings(as: .error)] : [])

// Members are visible only where their module is imported. Not for the adapters: the members of a C structure such as
// `stat` count as belonging to whichever C module of a dependency happened to bring in the system's header first, and
// that one is not ours to import.
let innerSettings = swiftSettings + [.enableUpcomingFeature("MemberImportVisibility")]

let core: [Target.Dependency] = ["ResilienceCore", "Policy", "RecoveryEngine"]
let inner: [Target.Dependency] = core + ["Supervisor"]

/// An inner module: values and decisions.
func innerModule(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: innerSettings)
}

/// A library module of ours: `Sources/<name>`.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// A program of ours: `Sources/<name>`.
func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// The tests of a module: `Tests/<name>Tests`.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: swiftSettings)
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metricsTestKit = Target.Dependency.product(name: "MetricsTestKit", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "heald",
    products: [
        .executable(name: "heald", targets: ["heald"]),
        .executable(name: "healctl", targets: ["healctl"]),
        // For any service: what the supervisor does for its own calls.
        .library(name: "Resilience", targets: ["Resilience", "ResilienceCore"]),
        // What the errors of those libraries mean, for services that use them.
        .library(name: "ResilienceNIO", targets: ["ResilienceNIO"]),
        .library(name: "ResilienceHTTPClient", targets: ["ResilienceHTTPClient"]),
        .library(name: "ResilienceGRDB", targets: ["ResilienceGRDB"]),
        // For `Benchmarks/`, a package of its own.
        .library(name: "Probes", targets: ["Probes", "Supervisor", "RecoveryEngine", "Policy", "ResilienceCore"]),
        .library(name: "AuditTrail", targets: ["AuditTrail", "Supervisor"]),
    ],
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.1"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        // Inner modules: values and decisions. No I/O, no clock, no randomness of their own.
        innerModule("ResilienceCore"),
        innerModule("Resilience", ["ResilienceCore", coreMetrics]),
        innerModule("Policy", ["ResilienceCore"]),
        innerModule("RecoveryEngine", ["ResilienceCore", "Policy", heap]),
        // The one loop and the ports it needs.
        innerModule("Supervisor", core + [logging, deque]),
        // What the errors of those libraries mean.
        module("ResilienceNIO", ["Resilience", "ResilienceCore", nioCore, nioPosix]),
        module("ResilienceHTTPClient", ["Resilience", "ResilienceCore", "ResilienceNIO", asyncHTTPClient]),
        module("ResilienceGRDB", ["Resilience", "ResilienceCore", grdb]),
        // Adapters. They never import each other, except Actions → Systemd.
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        module("Systemd", inner + ["Resilience", "CSystemd", logging]),
        .target(name: "CProbes"),
        module(
            "Probes", inner + ["Resilience", "CProbes", "CSystemd", heap, deque, crypto, nioCore, nioEmbedded, nioSSL]),
        .target(name: "CActions"),
        module("Actions", inner + ["CActions", "Resilience", "Systemd"]),
        module("AuditTrail", inner + ["Resilience", grdb, grdbSQLite, crypto]),
        module(
            "Alerting",
            inner + [
                "Resilience", "ResilienceHTTPClient", asyncHTTPClient, nioCore, nioHTTP1, nioPosix, systemPackage,
                subprocess,
            ]),
        module(
            "ControlAPI",
            inner + [
                "Resilience", coreMetrics, logging, nioCore, nioPosix, nioHTTPTypes, httpTypes, hummingbird,
                hummingbirdCore, serviceLifecycle,
            ]),
        innerModule("Simulation", core),
        // Wiring and commands only.
        module(
            "HealdKit",
            inner + ["Resilience", "Systemd", "Probes", "Actions", "AuditTrail", "Alerting", "ControlAPI", logging]),
        program("heald", ["HealdKit", "Supervisor", "Systemd", logging, argumentParser]),
        module("HealctlKit", inner + ["Resilience", "AuditTrail"]),
        program("healctl", inner + ["HealctlKit", "AuditTrail", argumentParser]),
        // Replays one simulated run by its seed.
        program("healsim", ["Simulation"]),
        tests("ResilienceCore"),
        tests("Resilience", ["ResilienceCore", coreMetrics, metricsTestKit]),
        .testTarget(
            name: "ResilienceAdapterTests",
            dependencies: [
                "Resilience", "ResilienceCore", "ResilienceNIO", "ResilienceHTTPClient", "ResilienceGRDB", nioCore,
                nioPosix, asyncHTTPClient, grdb,
            ], swiftSettings: swiftSettings),
        .testTarget(
            name: "PolicyTests", dependencies: ["Policy", "ResilienceCore"], exclude: ["Corpus"],
            swiftSettings: swiftSettings),
        tests("RecoveryEngine", ["ResilienceCore", "Policy"]),
        tests("Supervisor", core + [logging]),
        tests("Systemd", inner + ["CSystemd", logging]),
        tests("Probes", inner),
        tests("Actions", inner + ["Resilience", "Systemd", coreMetrics, logging]),
        tests("AuditTrail", inner + ["Resilience", grdb, grdbSQLite]),
        tests("Alerting", inner + [nioCore, nioPosix]),
        tests("ControlAPI", inner + ["Resilience", "HealctlKit", "healctl", coreMetrics, logging, serviceLifecycle]),
        .testTarget(
            name: "HealctlTests", dependencies: inner + ["Resilience", "HealctlKit", "healctl", "AuditTrail"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "HealdTests", dependencies: inner + ["HealdKit", "AuditTrail", logging], swiftSettings: swiftSettings),
        tests("Simulation", core),
        // heald and healctl as shipped, on a real systemd: only in the testbed.
        .testTarget(
            name: "IntegrationTests", dependencies: ["Resilience", "ResilienceCore"], swiftSettings: swiftSettings),
    ],
    swiftLanguageModes: [.v6]
)
