// Package handles tests emits in transactions of the libraries that Go programs
// use for SQL. It has no code: the stores depend on none of them.
package handles
