//go:build !race

package sqlitestore

// many is how many deliveries wait; make test has a run of these tests without
// the race detector.
const many = 1_000_000
