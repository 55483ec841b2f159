import CProbes

/// Starts a detached thread on which no signal handlers run. Its errno, or 0.
func spawnThread(named name: String, _ body: @escaping @Sendable () -> Void) -> Int32 {
    final class Start: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    let start = Unmanaged.passRetained(Start(body))
    let error = cprobes_start_thread(
        name,
        { argument in
            guard let argument else { return }
            Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
        }, start.toOpaque())
    if error != 0 { start.release() }
    return error
}
