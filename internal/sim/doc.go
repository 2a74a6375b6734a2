// Package sim runs the whole engine through seeded storms and judges what came
// of it.
//
// A seed is a [Plan]: endpoints, what their receivers answer over time, emits,
// edits, operators' acts, and faults of the store and of the processes. [Run]
// plays it in a testing/synctest bubble: several dispatchers on one memory
// store, net/http's real client and server over an in-memory network. Each
// process reaches the store through a link of its own, which loses, delays and
// repeats calls; calls arrive one at a time and are written down, so the ledger
// has them in the order in which the store saw them.
//
// The ledger knows at any moment who holds which lane until when, what was
// handed to whom, and what was settled, and judges each step by the contract.
// Each hand-out is told apart by the slice that holds its body, and a signer
// adds its number to the request: so it is exact which request, at which
// receiver, came from which hand-out of which claim. What can only be judged at
// the end is compared with the store's log.
//
// [NewSmallPlan] makes inputs of the same kind that take some seconds, for the
// stores that production has, in real time. The judges are the same. What they
// compare with the store's clock must lie within the call's span, give or take
// [Plan.Clock]; what a process does late they forgive up to [Plan.Lag]; both
// are 0 in a bubble. A call or a timer that takes long counts as a fault of its
// process, and what must happen within a time has so much longer. What needs
// longer than the run to end, because it waits for an endpoint that is
// disabled, fails for ever or has its breaker open, may wait.
//
// With [Plan.Overlap] calls arrive whenever they come, as in production. Who
// was first is not known then, and only what does not depend on it is judged,
// most of it at the end: what each endpoint got and in which order, that every
// delivery ended and none was sent again without a reason, and that the log,
// the counters and the health say what happened, once.
//
// The order of goroutines in a bubble is not fixed. A seed repeats its inputs;
// what follows from them may differ from run to run.
package sim
