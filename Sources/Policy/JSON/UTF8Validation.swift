/// Where a text stops being UTF-8: the offset of the first byte of the first ill-formed sequence, `nil` where all is
/// well. Overlong forms, surrogates and values above U+10FFFF are ill-formed.
///
/// - SeeAlso: RFC 3629, section 4.
func firstInvalidUTF8(in bytes: [UInt8]) -> Int? {
    var index = 0
    let end = bytes.count
    func isContinuation(_ at: Int, from low: UInt8 = 0x80, to high: UInt8 = 0xBF) -> Bool {
        at < end && bytes[at] >= low && bytes[at] <= high
    }
    while index < end {
        let length: Int
        switch bytes[index] {
        case 0x00...0x7F:
            index += 1
            continue
        case 0xC2...0xDF: length = isContinuation(index + 1) ? 2 : 0
        case 0xE0: length = isContinuation(index + 1, from: 0xA0) && isContinuation(index + 2) ? 3 : 0
        case 0xED: length = isContinuation(index + 1, to: 0x9F) && isContinuation(index + 2) ? 3 : 0
        case 0xE1...0xEF: length = isContinuation(index + 1) && isContinuation(index + 2) ? 3 : 0
        case 0xF0:
            length =
                isContinuation(index + 1, from: 0x90) && isContinuation(index + 2) && isContinuation(index + 3) ? 4 : 0
        case 0xF1...0xF3:
            length = isContinuation(index + 1) && isContinuation(index + 2) && isContinuation(index + 3) ? 4 : 0
        case 0xF4:
            length =
                isContinuation(index + 1, to: 0x8F) && isContinuation(index + 2) && isContinuation(index + 3) ? 4 : 0
        default: length = 0
        }
        guard length > 0 else { return index }
        index += length
    }
    return nil
}
