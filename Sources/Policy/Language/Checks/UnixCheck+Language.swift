extension UnixCheck {
    static let variant = Variant<CheckKind>(
        "unix",
        keys: ObjectSpec(
            "check-unix", title: "a unix check", initial: UnixCheck(path: ""),
            [Key("path", \.path, .socketPath, required: true, "The stream socket in the file system.")])
    ) { check, _, _ in .unix(check) }
}
