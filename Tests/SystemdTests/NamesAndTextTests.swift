import Glibc
import Logging
import RecoveryEngine
import ResilienceCore
import Synchronization
import Testing

@testable import Systemd

@Suite struct NamesAndTextTests {
    @Test(arguments: [
        "web.service", "worker@1.service", "a@b\\x2dc.service", "dev-sda1.device", "-.mount", "x.y.timer",
        "a:b_c-d.scope",
    ])
    func `full unit names are accepted`(name: String) { #expect(UnitName.isValid(name)) }

    @Test(arguments: [
        "", "web", ".service", "web.exe", "worker@.service", "@x.service", "a b.service", "a/b.service", "../x.service",
        "a\u{0}b.service", "ä.service", "a\n.service", String(repeating: "x", count: 250) + ".service",
    ])
    func `anything else is refused`(name: String) { #expect(!UnitName.isValid(name)) }

    @Test func `object paths are systemd's`() {
        #expect(UnitName.objectPath(of: "a@b.service") == "/org/freedesktop/systemd1/unit/a_40b_2eservice")
        #expect(UnitName.objectPath(of: "9.timer") == "/org/freedesktop/systemd1/unit/_39_2etimer")
    }

    @Test func `an address ends at a private socket or at a bus`() {
        let path = "unix:path=/run/systemd/private"
        #expect(BusAddress(path).routes == [BusRoute(address: path, isPrivate: true)])
        #expect(BusAddress("unix:path=/tmp/bus").routes == [BusRoute(address: "unix:path=/tmp/bus", isPrivate: false)])
        #expect(BusAddress("system") == .system && BusAddress("user") == .user)
        #expect(BusAddress.system.routes.last?.isPrivate == false)
        #expect(BusAddress.system.routes.count == (geteuid() == 0 ? 2 : 1))
    }

    @Test func `an address where nobody listens is told with what to look at`() {
        #expect(
            SystemdError.unreachable("unix:path=/nowhere", errno: ENOENT).description == """
                Could not connect to systemd at unix:path=/nowhere. No such file or directory. \
                See whether systemd and dbus run, and whether --bus names the right one.
                """)
        #expect(SystemdError.unreachable("unix:path=/x", errno: EACCES).howToFix == "Run as root.")
    }

    @Test func `a refused call names the permission and the remedy`() {
        let error = SystemdError.call(
            "Could not restart web.service.", unit: "web.service",
            name: "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
            message: "Interactive authentication required.", errno: EACCES)
        #expect(error.code == .accessDenied)
        #expect(
            error.description == """
                Could not restart web.service. polkit refused org.freedesktop.systemd1.manage-units. \
                systemd says: Interactive authentication required. \
                Run as root, or install a polkit rule that allows this user to manage web.service.
                """)
    }

    @Test(arguments: [
        ("Method call timed out", SystemdError.Code.timedOut),
        ("Message did not receive a reply (timeout by message bus)", .timedOut),
        ("Connection terminated", .disconnected),
        ("Message recipient disconnected from message bus without replying", .disconnected),
    ])
    func `no reply from a systemd that went away is not slowness`(said: String, code: SystemdError.Code) {
        let name = "org.freedesktop.DBus.Error.NoReply"
        #expect(SystemdError.call("X.", unit: nil, name: name, message: said, errno: ETIMEDOUT).code == code)
    }

    @Test(arguments: [
        ("org.freedesktop.systemd1.NoSuchUnit", SystemdError.Code.noSuchUnit),
        ("org.freedesktop.systemd1.UnitMasked", .masked),
        ("org.freedesktop.systemd1.TransactionIsDestructive", .jobInFlight),
        ("org.freedesktop.DBus.Error.Timeout", .timedOut), ("org.freedesktop.DBus.Error.Disconnected", .disconnected),
        ("org.freedesktop.systemd1.Whatever", .other),
    ])
    func `systemd's errors are told apart`(name: String, code: SystemdError.Code) {
        let error = SystemdError.call("X.", unit: "x.service", name: name, message: "said", errno: EIO)
        #expect(error.code == code)
        #expect(!error.howToFix.isEmpty)
    }

    @Test func `journal field names take the form that the journal wants`() {
        #expect(JournalWriter.fieldName("component") == "COMPONENT")
        #expect(JournalWriter.fieldName("_PID") == "PID")
        #expect(JournalWriter.fieldName("http.status-code") == "HTTP_STATUS_CODE")
        #expect(JournalWriter.fieldName("1") == nil)
        #expect(JournalWriter.fieldName(String(repeating: "a", count: 100))?.count == 64)
    }

    @Test func `a log line is one line, whatever it is made of`() {
        let written = Mutex<[String]>([])
        struct Box: Sendable { let write: @Sendable (String) -> Void }
        let box = Box { line in written.withLock { $0.append(line) } }
        var logger = Logger(label: "heald.test") { label in
            JournalLogHandler(label: label, journal: nil, writeLine: box.write)
        }
        logger[metadataKey: "unit"] = "web.service"
        logger.debug("not at this level")
        logger.warning("restart failed", metadata: ["reason": "a \"b\"\n\u{1B}[2Jc\u{202E}"])
        let lines = written.withLock { $0 }
        #expect(lines.count == 1)
        let text = "warning heald.test: restart failed reason=\"a \\\"b\\\"\\n\\u{1b}[2Jc\\u{202e}\" unit=web.service\n"
        #expect(lines.first?.hasSuffix("Z " + text) == true, "\(lines)")
    }

    @Test func `times are civil and UTC`() {
        #expect(UTCText.dateAndTime(microseconds: 1_769_850_307_042_999) == "2026-01-31T09:05:07.042Z")
    }

    @Test func `a process that ended before its unit left the active state was not stopped`() {
        var state = UnitState()
        state.general.active = .inactive
        state.service.result = "success"
        state.service.startedAt = 100
        state.general.activeExit = 200
        state.service.exitedAt = 201
        #expect(state.wasStopped)
        state.service.exitedAt = 200
        #expect(!state.wasStopped)
        state.service.exitedAt = 201
        state.service.result = "watchdog"
        #expect(!state.wasStopped)
        state.service.result = "signal"
        #expect(state.wasStopped)
        state.service.startedAt = 201
        #expect(!state.wasStopped)
    }

    @Test func `notifications reach the socket, and the watchdog's interval is read`() throws {
        let path = "/tmp/heald-notify-\(getpid())"
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer {
            close(descriptor)
            unlink(path)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        setenv("NOTIFY_SOCKET", path, 1)
        setenv("WATCHDOG_USEC", "3000000", 1)
        setenv("WATCHDOG_PID", "\(getpid())", 1)
        defer { for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] { unsetenv(name) } }
        let notifier = SystemdNotifier()
        notifier.notify("READY=1")
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        #expect(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self) == "READY=1")
        #expect(notifier.watchdogInterval == .seconds(3))
        setenv("WATCHDOG_PID", "1", 1)
        #expect(notifier.watchdogInterval == nil)
    }
}
