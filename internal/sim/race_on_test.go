//go:build race

package sim

// defaultSeeds is less with the race detector, which makes a run many times
// slower.
const defaultSeeds = 20
