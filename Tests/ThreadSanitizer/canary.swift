// Shows that the sanitizer works before its silence is believed: `race` must be reported, `mutex` must not.

import Glibc
import Synchronization

final class Shared: @unchecked Sendable {
    var plain = 0
    let guarded = Mutex(0)
}

let shared = Shared()
let isRace = CommandLine.arguments.last == "race"

func count() {
    for _ in 0..<20_000 {
        if isRace { shared.plain += 1 } else { shared.guarded.withLock { $0 += 1 } }
    }
}

var threads = [pthread_t](repeating: pthread_t(), count: 4)
for index in threads.indices {
    pthread_create(
        &threads[index], nil,
        { _ in
            count(); return nil
        }, nil)
}
for thread in threads { pthread_join(thread, nil) }
