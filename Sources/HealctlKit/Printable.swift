import RecoveryEngine

/// A text of unknown origin as one line that is safe to print.
///
/// - Parameter limit: the longest result in bytes.
func printable(_ text: String, limit: Int = 2_000) -> String {
    TextSanitizer.sanitize(text, limit: limit, newlines: .escape)
}
