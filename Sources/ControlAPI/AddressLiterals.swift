import Glibc

/// Whether a text is a literal IPv4 address in dotted-quad form.
///
/// - SeeAlso: inet_pton(3).
func isIPv4(_ text: String) -> Bool {
    var address = in_addr()
    return inet_pton(AF_INET, text, &address) == 1
}

/// Whether a text is a literal IPv6 address, without brackets and zone.
///
/// - SeeAlso: inet_pton(3).
func isIPv6(_ text: String) -> Bool {
    var address = in6_addr()
    return inet_pton(AF_INET6, text, &address) == 1
}
