import Foundation
import ResilienceCore
import Testing

@testable import HealctlKit

@Suite struct EventReadingTests {
    private static let stream = """
        id: 7
        retry: 2000

        :
        id: 8
        event: incident
        data: {"a":1}

        data:no space
        data: two lines

        event: lost
        id: 9

        id: 1\u{0}0
        data: x

        """

    @Test(arguments: [1, 2, 3, 7, 1_000], ["\n", "\r", "\r\n"])
    func `a stream reads the same however it is cut, and with each kind of line end`(size: Int, end: String) throws {
        let bytes = Array((Self.stream.replacingOccurrences(of: "\n", with: end) + end).utf8)
        var parser = ServerEventParser(lastID: "5")
        #expect(parser.lastID == "5")
        var events: [ServerEvent] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            events += try parser.take(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        #expect(
            events == [
                ServerEvent(lastID: "8", name: "incident", data: #"{"a":1}"#),
                ServerEvent(lastID: "8", name: "message", data: "no space\ntwo lines"),
                ServerEvent(lastID: "9", name: "message", data: "x"),
            ])
    }

    @Test func `a line without end is not kept`() {
        var parser = ServerEventParser()
        #expect(throws: ServerEventParser.TooLong.self) {
            for _ in 0..<2_000 { _ = try parser.take(Array(repeating: UInt8(ascii: "x"), count: 1_024)) }
        }
    }

    @Test(arguments: [1, 2, 5, 1_000]) func `chunks are put together however they are cut`(size: Int) throws {
        let bytes = Array("5\r\nhello\r\n1;x=y\r\n \r\nB\r\nwonderful\r\n\r\n0\r\n\r\n".utf8)
        var chunks = ChunkedBody()
        var body: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            body += try chunks.take(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        #expect(String(decoding: body, as: UTF8.self) == "hello wonderful\r\n")
        #expect(chunks.isWhole)
    }

    @Test(arguments: ["x\r\n", "-1\r\n", "5\nhello", "5\r\nhelloworld\r\n", "FFFFFFFFFFFFFFFFF\r\n"])
    func `what is no chunk is refused`(text: String) {
        var chunks = ChunkedBody()
        #expect(throws: ChunkedBody.Malformed.self) { try chunks.take(Array(text.utf8)) }
    }

    private static let terminal = Terminal(width: nil, hasColors: false)
    private static let times = TimeText(now: WallTime(microseconds: 1_795_000_000_000_000), isUTC: true)

    private static func page(_ data: String, name: String = "action") -> EventPage {
        EventPage(ServerEvent(lastID: "4", name: name, data: data))
    }

    @Test func `an event is one line for people`() {
        let data = """
            {"at":"2026-11-20T03:04:05.000000Z","component":"web","detail":"exit 1\\u001b[31m","facts":{},"id":4,\
            "incident":3,"kind":"action","text":"the action ended: failed","what":"actionFinished"}
            """
        let line = Self.page(data).text(on: Self.terminal, times: Self.times)
        #expect(line?.hasPrefix("Nov 20 03:04:05 web action: the action ended: failed: exit 1") == true)
        #expect(line?.hasSuffix("\n") == true && line?.contains("\u{1B}") == false)
        #expect(Self.page(data).json == data + "\n")
    }

    @Test func `what is missing is said, and what only ends the connection is not`() {
        let gap = """
            {"cause":"tooOld","fix":"Read it.","from":21,"kind":"gap","to":50,"why":"Not kept."}
            """
        #expect(
            Self.page(gap, name: "gap").text(on: Self.terminal, times: Self.times)
                == "Something is missing here (records 21 to 50). Not kept. Read it.\n")
        #expect(Self.page("{}", name: "end").text(on: Self.terminal, times: Self.times) == nil)
        #expect(Self.page("{}", name: "end").json == nil)
        // Of a later version.
        #expect(Self.page("{}", name: "new").text(on: Self.terminal, times: Self.times) == "new: {}\n")
    }
}
