import Foundation

// Named apart from the free functions `log` and `exp`, which other modules also define.
func naturalLogarithm(_ value: Double) -> Double { log(value) }
func exponential(_ value: Double) -> Double { exp(value) }
