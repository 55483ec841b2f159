import Foundation
import Testing

@testable import ControlAPI

@Suite struct ConnectionProgressTests {
    @Test func `the deadline runs for the request, rests while we work, and runs for the answer`() {
        var progress = ConnectionProgress()
        #expect(progress.waiting == .request)
        let step1 = progress.requestEnded()
        #expect(step1)
        #expect(progress.waiting == .answer)
        let step2 = progress.answerBegan()
        #expect(step2)
        #expect(progress.waiting == .delivery)
        let step3 = progress.answerDelivered()
        #expect(step3)
        #expect(progress.waiting == .request)
    }

    @Test func `a second request that is read while the first is answered is waited for by us`() {
        var progress = ConnectionProgress()
        _ = progress.requestEnded()
        let step4 = progress.requestEnded()
        #expect(!step4)
        _ = progress.answerBegan()
        _ = progress.answerDelivered()
        #expect(progress.waiting == .answer)
        _ = progress.answerBegan()
        _ = progress.answerDelivered()
        #expect(progress.waiting == .request)
    }

    @Test func `an answer without end has a deadline only while a part of it is not taken`() {
        var progress = ConnectionProgress()
        _ = progress.requestEnded()
        let head = [progress.endlessAnswerBegan(), progress.partBegan()]
        #expect(head == [true, false])
        #expect(progress.waiting == .delivery)
        _ = progress.partTaken()
        #expect(progress.waiting == .news)
        // Two parts share a deadline; who takes one gets the whole time for the other.
        let parts = [progress.partBegan(), progress.partBegan(), progress.partTaken()]
        #expect(parts == [true, false, true])
        #expect(progress.waiting == .delivery)
        _ = progress.partTaken()
        #expect(progress.waiting == .news)
        _ = progress.answerDelivered()
        #expect(progress.waiting == .request)
        // The next answer is an ordinary one.
        let next = [progress.requestEnded(), progress.answerBegan(), progress.partBegan(), progress.partTaken()]
        #expect(next == [true, true, false, false])
    }

    @Test func `an answer before the end of its request counts once`() {
        var progress = ConnectionProgress()
        _ = progress.answerBegan()
        _ = progress.answerDelivered()
        #expect(progress.waiting == .request)
        // The rest of the refused request comes in: nothing is to be answered.
        let step5 = progress.requestEnded()
        #expect(!step5)
        #expect(progress.waiting == .request)
        let step6 = progress.requestEnded()
        #expect(step6)
        #expect(progress.waiting == .answer)
    }
}

@Suite struct ConnectionLedgerTests {
    private static func peer(_ user: UInt32) -> Peer {
        Peer(processID: 1, user: user, group: user, supplementaryGroups: [])
    }

    @Test func `no user takes all places, all users together leave the operators theirs`() {
        var limits = ControlLimits()
        (limits.operatorConnections, limits.otherConnections, limits.connectionsPerUser) = (1, 3, 2)
        let ledger = ConnectionLedger(limits: limits)
        #expect(ledger.admit(.reading(Self.peer(1))))
        #expect(ledger.admit(.reading(Self.peer(1))))
        #expect(!ledger.admit(.reading(Self.peer(1))))
        #expect(ledger.admit(.reading(Self.peer(2))))
        #expect(!ledger.admit(.reading(Self.peer(3))))
        #expect(ledger.admit(.operating(Self.peer(0))))
        #expect(!ledger.admit(.operating(Self.peer(0))))
        ledger.leave(.reading(Self.peer(1)))
        #expect(ledger.admit(.reading(Self.peer(3))))
        ledger.leave(.operating(Self.peer(0)))
        #expect(ledger.admit(.operating(Self.peer(0))))
    }

    @Test func `connections over TCP have a limit of their own`() {
        var limits = ControlLimits()
        limits.httpConnections = 1
        let ledger = ConnectionLedger(limits: limits)
        #expect(ledger.admit(.remote))
        #expect(!ledger.admit(.remote))
        #expect(ledger.admit(.reading(Self.peer(1))))
        ledger.leave(.remote)
        #expect(ledger.admit(.remote))
    }
}

@Suite struct PeerTests {
    @Test func `the kernel says who is at the other end`() throws {
        var pair: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        defer { pair.forEach { close($0) } }
        let peer = try #require(Peer(descriptor: pair[0]))
        #expect(peer.processID == getpid())
        #expect(peer.user == geteuid())
        #expect(peer.group == getegid())
        var groups = [gid_t](repeating: 0, count: 65_536)
        let count = Int(getgroups(Int32(groups.count), &groups))
        #expect(Set(peer.supplementaryGroups) == Set(groups.prefix(count)))
    }

    @Test func `a descriptor that is no socket has no peer`() {
        #expect(Peer(descriptor: -1) == nil)
        let file = open("/dev/null", O_RDONLY)
        defer { close(file) }
        #expect(Peer(descriptor: file) == nil)
    }

    @Test func `operators are root, the owner, and members of the group`() {
        func peer(_ user: UInt32, _ group: UInt32, _ groups: [UInt32] = []) -> Peer {
            Peer(processID: 1, user: user, group: group, supplementaryGroups: groups)
        }
        #expect(peer(0, 0).isOperator(group: nil, owner: 7))
        #expect(peer(7, 7).isOperator(group: nil, owner: 7))
        #expect(peer(8, 50).isOperator(group: 50, owner: 7))
        #expect(peer(8, 8, [1, 50]).isOperator(group: 50, owner: 7))
        #expect(!peer(8, 0, [0, 7]).isOperator(group: 50, owner: 7))
        #expect(!peer(8, 50).isOperator(group: nil, owner: 7))
    }
}

@Suite struct SmallPartTests {
    @Test func `names come from the files, and what they do not know is a number`() throws {
        let path = NSTemporaryDirectory() + "heald-accounts-\(getpid())"
        try "root:x:0:0::/:/bin/sh\nbroken\nalice:x:1000:1000::/:\n".write(
            toFile: path, atomically: true, encoding: .utf8)
        defer { unlink(path) }
        let accounts = Accounts(passwd: path, group: "/nonexistent")
        #expect(accounts.userName(of: 0) == "root")
        #expect(accounts.userName(of: 1_000) == "alice")
        #expect(accounts.userName(of: 1_001) == "uid 1001")
        #expect(Accounts(passwd: "/nonexistent").userName(of: 0) == "uid 0")
        #expect(Accounts().groupID(of: "root") == 0)
        #expect(accounts.groupID(of: "no-such-group-anywhere") == nil)
    }

    @Test func `the nearest name is near`() {
        #expect(nearest(to: "apii", among: ["db", "api"]) == "api")
        #expect(nearest(to: "postgers", among: ["postgres", "mysql"]) == "postgres")
        #expect(nearest(to: "mail", among: ["db", "api"]) == nil)
        #expect(nearest(to: "x", among: []) == nil)
    }

    @Test func `work that is done in time gives its value, or its error`() async throws {
        struct Broken: Error {}
        let deadlines = try Deadlines(longest: .seconds(60))
        #expect(try await deadlines.within(.seconds(10)) { 42 } == 42)
        await #expect(throws: Broken.self) { try await deadlines.within(.seconds(10)) { throw Broken() } }
    }

    @Test func `work that is deaf is given up at its deadline`() async throws {
        let gate = AsyncStream<Void>.makeStream()
        let start = ContinuousClock.now
        let deadlines = try Deadlines(longest: .seconds(60))
        await #expect(throws: DeadlinePassed.self) {
            try await deadlines.within(.milliseconds(50)) {
                // Goes on although it is cancelled.
                await Task.detached { for await _ in gate.stream {} }.value
            }
        }
        #expect(ContinuousClock.now - start < .seconds(5))
        gate.continuation.finish()
    }
}
