// Package sim runs the whole engine through seeded storms and judges what came
// of it.
//
// A seed is a [Plan]: endpoints, what their receivers answer over time, emits,
// edits, operators' acts, and faults of the store and of the processes. [Run]
// plays it in a testing/synctest bubble: several dispatchers on one memory
// store, net/http's real client and server over an in-memory network. Each
// process reaches the store through a link of its own, which loses, delays and
// repeats calls; every call that arrives is written down under one lock, so the
// ledger has them in the order in which the store saw them.
//
// The ledger knows at any moment who holds which lane until when, what was
// handed to whom, and what was settled, and judges each step by the contract.
// Each hand-out is told apart by the slice that holds its body, and a signer
// adds its number to the request: so it is exact which request, at which
// receiver, came from which hand-out of which claim. What can only be judged at
// the end is compared with the store's log.
//
// The order of goroutines in a bubble is not fixed. A seed repeats its inputs;
// what follows from them may differ from run to run.
package sim
