import Foundation
import Testing

@testable import Policy

/// The root of the package.
let packageRoot = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// All diagnostics of one text, as they are printed.
func problems(in text: String) -> [String] {
    PolicyDecoder.decode([("p.json", Array(text.utf8))]).diagnostics.map(\.description)
}

/// The policy of one text that must be good.
func policy(_ text: String) throws -> PolicySnapshot {
    try PolicyLoader.load(texts: [("p.json", text)]).snapshot
}

/// A policy of one component with the given members.
func policy(component members: String) -> String {
    #"{"version": 1, "components": {"a": {"# + members + "}}}"
}

/// The first component of a text.
func component(_ members: String) throws -> Component {
    try #require(try policy(policy(component: members)).components.first)
}
