// Command bench measures the library: throughput, latency, fairness, memory,
// verification, and how costs grow with what is stored.
//
//	go run . -short              # ratios to a raw loop and to River, latency, noisy10, verify
//	go run .                     # all figures
//	go run . -only noisy10,dead  # some of them; -list names them
//	go run . -docs ../../docs    # also writes them into docs/benchmarks.md and docs/scaling.md
//
// It prints one line for each figure, "name value unit", as soon as the
// scenario that measures it has ended. A value is the median of the iterations
// (-n). Each scenario says in its own file what its figures are.
//
// # What is held equal
//
// Sender and receiver are processes of their own on one machine, and speak
// plain HTTP/1.1 on loopback. There are 100 endpoints at 100 addresses unless
// a scenario says otherwise, each of an account of its own, and the payload
// has 1 KiB. PostgreSQL runs with its default durability, SQLite with
// synchronous=FULL. Ratios are between runs that follow each other; absolute
// figures say more about the machine.
//
// The raw loop (raw.go) is the limit that net/http sets: 64 goroutines, one
// HMAC-SHA256 and one request each, nothing stored. River (river.go) is what
// one would otherwise write: a queue in PostgreSQL, with a worker that sends
// the signed request.
//
// It needs Linux, for the addresses in 127.0.0.0/8, and PostgreSQL; see package
// pgserver.
package main
