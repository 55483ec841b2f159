/// Units that everything else stands on: systemd itself, the bus, the ways by which people and names reach the machine.
/// Repairing one of them takes away more than its failure did, or cuts off whoever could undo the repair.
///
/// - SeeAlso: systemd.special(7).
public enum ProtectedUnits {
    /// Why heald never acts on a unit, whatever a policy says; `nil` for all others.
    public static func reason(for unit: String) -> String? {
        guard let dot = unit.lastIndex(of: ".") else { return nil }
        let kind = unit[unit.index(after: dot)...]
        // What templates have in common stands before the `@`.
        let name = String(unit[..<dot].prefix { $0 != "@" })
        switch kind {
        case "scope", "slice", "device":
            return unit == "init.scope" ? "it is systemd itself" : "a unit of this kind cannot be restarted"
        case "target": return targets.contains(name) ? "starting or stopping it changes the state of the machine" : nil
        case "mount", "automount": return mounts.contains(name) ? "the system itself lives on it" : nil
        case "service", "socket": return self.reason(forService: name)
        default: return nil
        }
    }

    private static func reason(forService name: String) -> String? {
        if name.hasPrefix("systemd-") { return "it belongs to systemd" }
        if name.hasPrefix("dbus-org.freedesktop.") { return "it is another name of a unit that the system stands on" }
        return services.first { $0.names.contains(name) }?.why
    }

    private static let services: [(why: String, names: Set<String>)] = [
        ("it is this supervisor", ["heald"]),
        ("systemd is reached through it", ["dbus", "dbus-broker"]),
        ("it decides who may act", ["polkit"]),
        (
            "operators reach the machine through it",
            [
                "ssh", "sshd", "networking", "NetworkManager", "connman", "wicked", "wickedd", "ifup", "dhcpcd", "iwd",
                "wpa_supplicant", "getty", "serial-getty", "console-getty", "container-getty", "rescue", "emergency",
                "debug-shell",
            ]
        ),
        ("it runs the sessions of users", ["user", "user-runtime-dir"]),
    ]

    private static let targets: Set<String> = [
        "basic", "default", "emergency", "exit", "final", "graphical", "halt", "hibernate", "kexec", "local-fs",
        "multi-user", "network", "network-online", "poweroff", "reboot", "rescue", "shutdown", "sleep", "suspend",
        "sysinit", "umount", "initrd", "initrd-switch-root", "soft-reboot", "ctrl-alt-del", "runlevel0", "runlevel1",
        "runlevel2", "runlevel3", "runlevel4", "runlevel5", "runlevel6",
    ]

    /// The root, and where programs and the supervisor's own records are.
    private static let mounts: Set<String> = ["-", "usr", "var", "var-lib", "var-lib-heald", "run", "etc"]
}
