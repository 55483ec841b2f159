import Policy
import RecoveryEngine
import ResilienceCore

/// What the checkers are told, in the order in which it happened. True time goes with each fact.
enum Fact {
    /// The supervisor starts and has read what earlier runs left behind.
    case supervisorStarted(run: Int, RestoredState)
    /// It died; what was committed but not durable is gone.
    case supervisorEnded(lost: [Effect])
    /// The engine is about to take in this event.
    case told(Event)
    /// What it decided on it.
    case decided([Effect])
    /// One effect of what was decided, in the order in which a batch takes effect; not yet part of the knowledge.
    case considered(Effect)
    /// The batch is in the audit trail.
    case committed([Effect], durable: Bool)
    case commitFailed([Effect])
    /// The action runner was asked to do it.
    case actionBegun(ActionRequest)
    /// systemd has a job of it: it is done, whatever becomes of it.
    case actionPerformed(ActionRequest)
    case reconcileBegun(ActionRequest)
    /// A step of an action is about to be taken.
    case stepTaken(ActionRequest, ProcedureStep)
    /// The content of a cache is deleted now; whether the unit is down in truth.
    case cacheEmptied(ActionRequest, isDown: Bool)
    /// A process of a unit begins; who asked for it, and when.
    case processBegan(unit: String, by: Hand, askedAt: MonotonicInstant)
    /// It ended, by whose stop if by any.
    case processEnded(unit: String, by: Hand?)
    case releaseInstalled(link: String, release: String)
    /// A component began or ceased to be truly well: its unit runs, it serves, and all it needs do, too.
    case truth(component: String, isWell: Bool)
    /// Somebody froze a unit, or thawed it.
    case frozenByHand(unit: String, Bool)
    /// heald thawed a unit, and whose freeze that ended.
    case thawed(unit: String, whose: Hand?)
    /// The wall clock was moved.
    case wallMoved(by: Duration)
    /// Nothing is disturbed any more.
    case calm
    /// The run is over: everything that is in the audit trail, and how the world was left.
    case ended(records: [AuditRecord], hopeless: Set<String>, settled: Bool)
    /// The run is over: units that are kept from being started, and those that have not got everything back.
    case left(barred: Set<String>, reduced: Set<String>)

    /// The run is over: units whose main process is still stopped by a signal.
    case drillsOver(stopped: Set<String>)

    /// Who asked for something.
    enum Hand: Hashable, Sendable { case us, person, systemd }
}

/// An invariant that did not hold.
struct Violation: Hashable, Sendable, CustomStringConvertible {
    var invariant: String
    var what: String
    var at: MonotonicInstant

    var description: String { "\(self.invariant) at \(seconds(self.at)): \(self.what)" }
}

/// Watches one invariant over a whole run.
protocol Checker {
    /// What must hold, in a few words.
    static var invariant: String { get }
    init()
    /// - Parameter knowledge: what the engine could know after this fact.
    /// - Returns: what went against the invariant, or `nil`.
    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String?
}

/// True time as a person reads it: seconds with milliseconds.
func seconds(_ instant: MonotonicInstant) -> String { seconds(instant - MonotonicInstant(nanoseconds: 0)) }

/// A duration as a person reads it: seconds with milliseconds.
func seconds(_ duration: Duration) -> String {
    let milliseconds = duration.inNanoseconds / 1_000_000
    let fraction = String(abs(milliseconds % 1_000))
    let sign = milliseconds < 0 ? "-" : ""
    return "\(sign)\(abs(milliseconds / 1_000)).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)s"
}
