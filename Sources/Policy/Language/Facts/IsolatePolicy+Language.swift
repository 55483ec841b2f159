import ResilienceCore

extension IsolatePolicy {
    static let type = ValueType<IsolatePolicy>.object(
        ObjectSpec(
            "isolate", title: "an isolate", initial: IsolatePolicy(),
            [
                Key(
                    "openFor", \.openFor, .duration(.seconds(1)...(.seconds(7 * 86_400))),
                    "How long it stays stopped before it gets a trial.")
            ]))
}
