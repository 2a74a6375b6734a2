//go:build race

package verify_test

// Under the race detector sync.Pool drops items at random, so allocations
// cannot be counted.
func init() { raceDetector = true }
