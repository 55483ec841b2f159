/// Text from services, made harmless for whoever reads it: terminals, log viewers, chat programs.
///
/// Control characters (C0, C1, DEL), line separators and the marks that turn the reading direction around are written
/// as visible escapes, so that no text can forge a second line, move a cursor or hide what it says.
enum SafeText {
    /// Longest text of one alert, in bytes.
    static let bytesMax = 2_048

    static func escaped(_ text: String, bytesMax: Int = SafeText.bytesMax) -> String {
        var result = ""
        var size = 0
        for scalar in text.unicodeScalars {
            let piece = Self.isHarmful(scalar) ? Self.escape(scalar) : String(scalar)
            guard size + piece.utf8.count <= bytesMax else { return result + "…" }
            result += piece
            size += piece.utf8.count
        }
        return result
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F: true  // controls
        case 0xAD, 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true  // unseen, or turn the text
        case 0xFFF9...0xFFFB, 0xE0000...0xE007F: true  // annotations and tags
        default: false
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
        }
    }
}
