// Command crash kills the processes of a webhook system at every moment that
// matters, and shows that nothing gets lost.
//
// Its processes are this program itself, started again with a role: emitters,
// dispatchers, one receiver. They share a store, SQLite or PostgreSQL, and know
// nothing of each other. The supervisor starts them, kills them with SIGKILL,
// starts others in their place, lets everything drain and compares the journals
// that emitters and receiver have synced to the disk. docs/durability.md says
// what is counted.
//
// # Where a process dies
//
// Most deaths come from outside, at a random moment of work. The others happen
// at a [Point], which the process itself reaches: its store is wrapped by one
// that kills the process before or after a call, and below the store its
// connection to PostgreSQL, or its SQLite driver, kills it when it sees a COMMIT
// go out or come back. Nothing of that is in the library. One point is the
// receiver's: it reads a part of a large request and kills whoever sends it.
//
// # Tests
//
// The tests of this package are the scenarios that are not about SIGKILL alone:
// a dispatcher that stands still, a server that crashes, cuts connections, turns
// read-only or has no space left, a file that is locked, rolling restarts.
//
// It needs a Unix.
package main
