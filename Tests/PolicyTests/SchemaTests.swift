import Foundation
import Testing

@testable import Policy

private let isRewriting = ProcessInfo.processInfo.environment["HEALD_REWRITE"] != nil

@Suite struct SchemaTests {
    static let url = packageRoot.appending(path: "policies/policy-v1.schema.json")

    @Test func `the schema for editors is the one that follows from the decoder's tables`() throws {
        if isRewriting { try PolicySchema.text().write(to: Self.url, atomically: true, encoding: .utf8) }
        let committed = try String(contentsOf: Self.url, encoding: .utf8)
        #expect(committed == PolicySchema.text(), "run the tests once with HEALD_REWRITE=1, and read the difference")
    }

    @Test func `the schema is JSON whose references all lead somewhere`() throws {
        let (document, problems) = JSONReader.read(Array(PolicySchema.text().utf8))
        #expect(problems == [])
        let definitions = Set(try #require(document?["$defs"]?.members).map(\.key))
        var references: Set<String> = []
        func visit(_ node: JSONNode) {
            if let reference = node["$ref"]?.string { references.insert(reference) }
            for member in node.members ?? [] { visit(member.node) }
            if case .array(let elements) = node.value { elements.forEach(visit) }
        }
        visit(try #require(document))
        #expect(references == Set(definitions.map { "#/$defs/\($0)" }))
    }

    /// Runs where Python has the package `jsonschema`; elsewhere the tables alone vouch for the schema.
    @Test(.enabled(if: hasJSONSchema()))
    func `a schema validator accepts what the decoder accepts, and nothing that the decoder refuses for its form`()
        throws
    {
        var texts: [(text: String, isValid: Bool?)] = []
        for text in try goodTexts() { texts.append((text, true)) }
        for test in BadValueTests.cases() {
            guard let (before, after) = BadValueTests.templates[test.section] else { continue }
            let text = "\(before)\n\(test.members)\n\(after)"
            let diagnostics = PolicyDecoder.decode([("p.json", Array(text.utf8))]).diagnostics
            guard !diagnostics.contains(where: { $0.kind == .json || $0.message.contains("duplicate key") }) else {
                continue
            }
            // References and the like are beyond a schema; so are bounds of durations and a few forms.
            let isFormal = diagnostics.contains { diagnostic in
                diagnostic.kind == .schema && !beyondSchema.contains { diagnostic.message.contains($0) }
            }
            texts.append((text, isFormal ? false : diagnostics.contains { $0.kind == .schema } ? nil : true))
        }
        let verdicts = try validate(texts.map(\.text))
        #expect(verdicts.count == texts.count)
        for (entry, verdict) in zip(texts, verdicts) where entry.isValid != nil {
            #expect(verdict == entry.isValid, "\(entry.text)")
        }
        #expect(texts.count { $0.isValid == true } > 20)
        #expect(texts.count { $0.isValid == false } > 100)
    }

    private let beyondSchema = [
        "expected a duration from", "expected a share from", "expected a size from",
        "reading dependencies from systemd", "; a template",
        "expected a host name", "got \"http", "a URL must not", "got \"299-200\"",
        "expected the absolute path of a program", "the regular expression", "a document is read to a depth",
    ]
}

/// Policies that load: the shipped ones, the examples, and those on the page of the reference.
func goodTexts() throws -> [String] {
    let examples = try policies(in: "policies/examples") + policies(in: "policies")
    return try examples.map { try String(contentsOf: $0, encoding: .utf8) } + ReferenceTests.examples()
}

func policies(in directory: String) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(
        at: packageRoot.appending(path: directory), includingPropertiesForKeys: nil
    ).filter { $0.pathExtension == "json" && !$0.lastPathComponent.hasSuffix(".schema.json") }
}

private func hasJSONSchema() -> Bool {
    (try? python("import jsonschema; jsonschema.Draft202012Validator", input: ""))?.status == 0
}

/// The validator's word on each text.
private func validate(_ texts: [String]) throws -> [Bool] {
    let program = """
        import json, sys, jsonschema
        schema = json.load(open(sys.argv[1]))
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        print(json.dumps([validator.is_valid(json.loads(text)) for text in json.load(sys.stdin)]))
        """
    let input = String(decoding: try JSONEncoder().encode(texts), as: UTF8.self)
    let (status, output) = try python(program, input: input, argument: SchemaTests.url.path())
    #expect(status == 0)
    return try JSONDecoder().decode([Bool].self, from: Data(output.utf8))
}

private func python(_ program: String, input: String, argument: String = "") throws -> (status: Int32, output: String) {
    let directory = FileManager.default.temporaryDirectory.appending(path: "heald-schema-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    // Files instead of pipes: neither side can block the other.
    let inputFile = directory.appending(path: "input")
    let outputFile = directory.appending(path: "output")
    try input.write(to: inputFile, atomically: true, encoding: .utf8)
    try "".write(to: outputFile, atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", "-c", program, argument]
    process.standardInput = try FileHandle(forReadingFrom: inputFile)
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return (process.terminationStatus, try String(contentsOf: outputFile, encoding: .utf8))
}

@Suite struct ReferenceTests {
    static let url = packageRoot.appending(path: "Docs/policy-reference.md")

    /// The JSON examples of the page.
    static func examples() throws -> [String] {
        let page = try String(contentsOf: url, encoding: .utf8)
        return page.components(separatedBy: "```json\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
    }

    @Test func `every example of the reference is a policy that loads without a warning`() throws {
        let examples = try Self.examples()
        #expect(examples.count >= 7)
        for example in examples { #expect(problems(in: example) == []) }
    }

    @Test func `the examples directory is a policy that loads without a warning`() throws {
        let examples = packageRoot.appending(path: "policies/examples").path()
        #expect(PolicyLoader.check(paths: [examples]).filter { !$0.message.contains("may be written by") } == [])
    }

    @Test func `each policy for a real program loads without a warning`() throws {
        let programs = try policies(in: "policies")
        #expect(!programs.isEmpty)
        for program in programs {
            #expect(
                PolicyLoader.check(paths: [program.path()]).filter { !$0.message.contains("may be written by") } == [])
        }
    }

    @Test func `the tables of the reference are those of the decoder`() throws {
        let page = try String(contentsOf: Self.url, encoding: .utf8)
        var missing = ReferenceTables.all()
        var result: [String] = []
        for (index, part) in page.components(separatedBy: "<!-- table: ").enumerated() {
            guard index > 0 else {
                result.append(part)
                continue
            }
            let name = try #require(part.components(separatedBy: " -->").first)
            let rest = try #require(part.components(separatedBy: "<!-- end -->").dropFirst().first)
            let table = try #require(ReferenceTables.all()[name], "no object is called \(name)")
            missing[name] = nil
            result.append("\(name) -->\n\(table)\n<!-- end -->\(rest)")
        }
        let expected = result.joined(separator: "<!-- table: ")
        if isRewriting { try expected.write(to: Self.url, atomically: true, encoding: .utf8) }
        #expect(
            try String(contentsOf: Self.url, encoding: .utf8) == expected, "run the tests once with HEALD_REWRITE=1")
        // The same keys as in `defaults.component`, `check-common` and `step-common`.
        #expect(Set(missing.keys).subtracting(["defaults-step"]) == [])
    }
}
