import Glibc

/// What systemd itself does when the unit's main process ends, by the unit's definition. Read in quiet moments and kept
/// until systemd reads its units anew.
struct UnitEnding: Hashable, Sendable {
    /// It only takes note: no `Restart=`, nothing to run on the way down, no exit that counts as success or forces a
    /// restart. The unit is then `failed` after any unclean end.
    var isPlain = true
    /// Path below the mount point of the unified hierarchy.
    var controlGroup = ""

    /// No other process of the unit is left that systemd would end first.
    var isControlGroupEmpty: Bool {
        let descriptor = open("/sys/fs/cgroup\(self.controlGroup)/cgroup.procs", O_RDONLY | O_CLOEXEC)
        // systemd removes an empty one at once.
        guard descriptor >= 0 else { return errno == ENOENT }
        defer { close(descriptor) }
        var byte: UInt8 = 0
        return Glibc.read(descriptor, &byte, 1) == 0
    }

    private static let properties = [
        "Restart", "RemainAfterExit", "ExecStop", "ExecStopPost", "SuccessExitStatus", "RestartForceExitStatus",
        "ControlGroup",
    ]

    /// Asks systemd.
    ///
    /// - Parameter done: called once; with `nil` where an answer is missing.
    static func read(_ record: UnitRecord, over connection: BusConnection, done: @escaping (UnitEnding?) -> Void) {
        var ending: UnitEnding? = UnitEnding()
        for (index, property) in Self.properties.enumerated() {
            connection.call(.property(of: record.path), what: "Could not read \(record.name).", unit: record.name) {
                $0.string("org.freedesktop.systemd1.Service")
                $0.string(property)
            } complete: { result in
                if case .success(let message) = result { ending?.take(property, message) } else { ending = nil }
                guard index == Self.properties.count - 1 else { return }
                // It is in no control group while it does not run.
                done(ending?.controlGroup.hasPrefix("/") == true ? ending : nil)
            }
        }
    }

    /// - Parameter message: stands at the property's value, a variant.
    private mutating func take(_ property: String, _ message: BusMessage) {
        switch property {
        case "Restart": self.require(message.within("v", "s") { message.string() } == "no")
        case "RemainAfterExit": self.require(message.within("v", "b") { message.boolean() } == false)
        case "ExecStop", "ExecStopPost":
            self.require(message.within("v", "a(sasbttttuii)") { message.isEmpty(array: "(sasbttttuii)") } == true)
        case "SuccessExitStatus", "RestartForceExitStatus":
            let isEmpty = message.within("v", "(aiai)") {
                message.within("r", "aiai") { message.isEmpty(array: "i") && message.isEmpty(array: "i") }
            }
            self.require(isEmpty == true)
        case "ControlGroup": self.controlGroup = message.within("v", "s", { message.string() ?? "" }) ?? ""
        default: break
        }
    }

    private mutating func require(_ condition: Bool) {
        if !condition { self.isPlain = false }
    }
}
