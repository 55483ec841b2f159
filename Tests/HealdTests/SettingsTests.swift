import HealdKit
import Logging
import Testing

@Suite struct `Settings` {
    @Test func `without anything given are the defaults`() throws {
        let settings = try HealdSettings(flags: HealdFlags(), environment: [:])
        #expect(settings.policies == "/etc/heald/policies")
        #expect(settings.stateDirectory == "/var/lib/heald")
        #expect(settings.runtimeDirectory == "/run/heald")
        #expect(settings.bus == "system")
        #expect(settings.http == nil)
        #expect(settings.logLevel == .info)
    }

    @Test func `come from systemd's directories, from HEALD_ variables before those, from flags before all`() throws {
        var environment = ["STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "RUNTIME_DIRECTORY": "/run/a"]
        var settings = try HealdSettings(flags: HealdFlags(), environment: environment)
        #expect(settings.stateDirectory == "/var/lib/a")
        #expect(settings.runtimeDirectory == "/run/a")
        environment.merge([
            "HEALD_POLICIES": "/e/p", "HEALD_STATE_DIR": "/e/s", "HEALD_RUNTIME_DIR": "/e/r", "HEALD_BUS": "user",
            "HEALD_HTTP": "127.0.0.1:1", "HEALD_LOG_LEVEL": "DEBUG",
        ]) { $1 }
        settings = try HealdSettings(flags: HealdFlags(), environment: environment)
        #expect(settings.policies == "/e/p")
        #expect(settings.stateDirectory == "/e/s")
        #expect(settings.runtimeDirectory == "/e/r")
        #expect(settings.bus == "user")
        #expect(settings.http == "127.0.0.1:1")
        #expect(settings.logLevel == .debug)
        let flags = HealdFlags(
            policies: "/f/p", stateDirectory: "/f/s", runtimeDirectory: "/f/r", bus: "unix:path=/f", http: "[::1]:2",
            logLevel: "error")
        settings = try HealdSettings(flags: flags, environment: environment)
        #expect(settings.policies == "/f/p")
        #expect(settings.stateDirectory == "/f/s")
        #expect(settings.runtimeDirectory == "/f/r")
        #expect(settings.bus == "unix:path=/f")
        #expect(settings.http == "[::1]:2")
        #expect(settings.logLevel == .error)
    }

    @Test func `that make no sense say where they were given and what is expected`() {
        #expect(
            throws: SettingsError(
                source: "--log-level",
                why: "got \"loud\"; expected one of trace, debug, info, notice, warning, error, critical")
        ) { try HealdSettings(flags: HealdFlags(logLevel: "loud"), environment: [:]) }
        for (variable, value, expected) in [
            ("HEALD_ENABLED", "maybe", "true or false"),
            ("HEALD_BREAKER_FAILURES", "0", "a whole number from 1 to 100"),
            ("HEALD_MAX_ATTEMPTS", "many", "a whole number from 1 to 1000"),
            ("HEALD_RECOVERY_TIMEOUT", "30", "a duration from 100ms to 1h, such as \"30s\""),
            ("HEALD_RECOVERY_TIMEOUT", "2h", "a duration from 100ms to 1h, such as \"30s\""),
        ] {
            #expect(throws: SettingsError(source: variable, why: "got \"\(value)\"; expected \(expected)")) {
                try HealdSettings(flags: HealdFlags(), environment: [variable: value])
            }
        }
        #expect(throws: SettingsError(source: "HEALD_STATE_DIR", why: "is empty; give a value or leave it out")) {
            try HealdSettings(flags: HealdFlags(), environment: ["HEALD_STATE_DIR": ""])
        }
    }
}
