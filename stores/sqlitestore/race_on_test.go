//go:build race

package sqlitestore

// many is less with the race detector, which makes SQLite fifty times slower,
// since it is Go code here.
const many = 20_000
