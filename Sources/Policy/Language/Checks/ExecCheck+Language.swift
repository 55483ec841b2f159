extension ExecCheck {
    static let variant = Variant<CheckKind>(
        "exec",
        keys: ObjectSpec(
            "check-exec", title: "an exec check", initial: ExecCheck(command: []),
            [
                Key(
                    "command", \.command, .command, required: true,
                    "Program and arguments; never a shell. The program is an absolute path."),
                Key(
                    "convention", \.convention, .choice(),
                    "What the exit status means: `plugin` 0 up, 1 degraded, 2 down, 3 unknown; `exit` 0 up, else down."),
                Key("user", optional: \.user, .user, default: "the user that heald runs as", "Who runs it."),
                Key(
                    "environment", \.environment,
                    .map(keys: .variable, of: .text(0...8192), count: 0...100),
                    "The whole environment besides PATH and LANG."),
                Key("workingDirectory", \.workingDirectory, .path, "Where it runs."),
            ])
    ) { check, _, _ in .exec(check) }
}

extension ValueType where Value == [String] {
    /// argv of a program, without a shell.
    static let command: ValueType = {
        let list = ValueType.list(of: .text(0...8192), count: 1...100)
        return ValueType(
            shape: list.shape,
            read: { node, context in
                guard case .array(let elements) = node.value else {
                    context.report(
                        node, expected: "an array of program and arguments such as [\"/usr/bin/pg_isready\", \"-q\"]")
                    return nil
                }
                guard let command = list.read(node, &context), command.count == elements.count else { return nil }
                if command[0].hasPrefix("/") { return command }
                context.report(elements[0], expected: "the absolute path of a program; no shell looks it up")
                return nil
            }, show: list.show)
    }()
}
