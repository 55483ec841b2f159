extension UnitCheck {
    static let variant = Variant<CheckKind>(
        "unit",
        keys: ObjectSpec(
            "check-unit", title: "a unit check", initial: UnitCheck(),
            [
                Key(
                    "states", \.states,
                    .list(of: ValueType<UnitState>.choice().asText, count: 1...UnitState.allCases.count),
                    "systemd's `ActiveState` values that pass.")
            ])
    ) { check, _, _ in .unit(check) }
}

/// systemd's `ActiveState`, as policies name it.
private enum UnitState: String, CaseIterable, Sendable {
    case active, reloading, inactive, failed, activating, deactivating, maintenance
}

extension ValueType where Value: RawRepresentable, Value.RawValue == String {
    /// The same word as plain text.
    var asText: ValueType<String> { self.map(show: { "\"\($0)\"" }) { value, _, _ in value.rawValue } }
}
