import CSystemd

/// A received message, valid only while its handler runs. Readers advance through its arguments.
///
/// Not owning: sd-bus keeps the message alive during the callback.
struct BusMessage {
    let raw: OpaquePointer

    var path: String { sd_bus_message_get_path(self.raw).map { String(cString: $0) } ?? "" }
    var interface: String { sd_bus_message_get_interface(self.raw).map { String(cString: $0) } ?? "" }
    var member: String { sd_bus_message_get_member(self.raw).map { String(cString: $0) } ?? "" }
    var isSignal: Bool { sd_bus_message_is_signal(self.raw, nil, nil) > 0 }

    /// `s`, `o` or `g`; `nil` at the end of a container or where something else stands.
    func string(_ type: Unicode.Scalar = "s") -> String? {
        var text: UnsafePointer<CChar>?
        let result = withUnsafeMutablePointer(to: &text) { sd_bus_message_read_basic(self.raw, type.code, $0) }
        guard result > 0, let text else { return nil }
        return String(cString: text)
    }

    func uint32() -> UInt32? {
        var value: UInt32 = 0
        return sd_bus_message_read_basic(self.raw, ("u" as Unicode.Scalar).code, &value) > 0 ? value : nil
    }

    func int32() -> Int32? {
        var value: Int32 = 0
        return sd_bus_message_read_basic(self.raw, ("i" as Unicode.Scalar).code, &value) > 0 ? value : nil
    }

    func uint64() -> UInt64? {
        var value: UInt64 = 0
        return sd_bus_message_read_basic(self.raw, ("t" as Unicode.Scalar).code, &value) > 0 ? value : nil
    }

    func boolean() -> Bool? {
        var value: Int32 = 0
        return sd_bus_message_read_basic(self.raw, ("b" as Unicode.Scalar).code, &value) > 0 ? value != 0 : nil
    }

    /// `ay`.
    func bytes() -> [UInt8]? {
        var pointer: UnsafeRawPointer?
        var size = 0
        guard sd_bus_message_read_array(self.raw, ("y" as Unicode.Scalar).code, &pointer, &size) >= 0 else {
            return nil
        }
        guard let pointer, size > 0 else { return [] }
        return Array(UnsafeRawBufferPointer(start: pointer, count: size))
    }

    /// The texts of an `as` that stands there.
    func strings() -> [String] {
        var texts: [String] = []
        self.within("a", "s") { while let text = self.string() { texts.append(text) } }
        return texts
    }

    /// Runs `body` inside a container; `nil` where none of that kind stands there or the array is at its end.
    @discardableResult
    func within<T>(_ type: Unicode.Scalar, _ contents: String, _ body: () -> T) -> T? {
        guard sd_bus_message_enter_container(self.raw, type.code, contents) > 0 else { return nil }
        let value = body()
        sd_bus_message_exit_container(self.raw)
        return value
    }

    /// Whether the array that stands there has no element; one that has is left half read.
    func isEmpty(array contents: String) -> Bool {
        self.within("a", contents) { sd_bus_message_at_end(self.raw, 0) > 0 } ?? false
    }

    func skip(_ types: String) { sd_bus_message_skip(self.raw, types) }

    /// Calls `body` once for each element of an array of structures or dictionary entries.
    func forEach(array contents: String, element: Unicode.Scalar, _ elementContents: String, _ body: () -> Void) {
        self.within("a", contents) {
            while sd_bus_message_enter_container(self.raw, element.code, elementContents) > 0 {
                body()
                // Whatever the body left unread would make leaving fail, and the loop would never end.
                while sd_bus_message_at_end(self.raw, 0) == 0 { if sd_bus_message_skip(self.raw, nil) < 0 { break } }
                guard sd_bus_message_exit_container(self.raw) >= 0 else { return }
            }
        }
    }
}

/// The arguments of a call being built.
struct BusArguments {
    let raw: OpaquePointer

    func string(_ text: String) {
        _ = text.withCString { sd_bus_message_append_basic(self.raw, ("s" as Unicode.Scalar).code, $0) }
    }

    func int32(_ value: Int32) {
        var value = value
        sd_bus_message_append_basic(self.raw, ("i" as Unicode.Scalar).code, &value)
    }

    func uint32(_ value: UInt32) {
        var value = value
        sd_bus_message_append_basic(self.raw, ("u" as Unicode.Scalar).code, &value)
    }

    func uint64(_ value: UInt64) {
        var value = value
        sd_bus_message_append_basic(self.raw, ("t" as Unicode.Scalar).code, &value)
    }

    func boolean(_ value: Bool) {
        var value: Int32 = value ? 1 : 0
        sd_bus_message_append_basic(self.raw, ("b" as Unicode.Scalar).code, &value)
    }

    func array(_ contents: String, _ body: () -> Void) { self.container("a", contents, body) }
    func structure(_ contents: String, _ body: () -> Void) { self.container("r", contents, body) }

    /// A name with a variant, as `a(sv)` has them.
    func property(_ name: String, _ type: String, _ body: () -> Void) {
        self.structure("sv") {
            self.string(name)
            self.container("v", type, body)
        }
    }

    private func container(_ type: Unicode.Scalar, _ contents: String, _ body: () -> Void) {
        sd_bus_message_open_container(self.raw, type.code, contents)
        body()
        sd_bus_message_close_container(self.raw)
    }

    func strings(_ texts: [String]) {
        sd_bus_message_open_container(self.raw, ("a" as Unicode.Scalar).code, "s")
        for text in texts { self.string(text) }
        sd_bus_message_close_container(self.raw)
    }
}

extension Unicode.Scalar {
    /// As sd-bus takes a type.
    fileprivate var code: CChar { CChar(truncatingIfNeeded: self.value) }
}
