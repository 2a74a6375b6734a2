// Package interop tests this library against the libraries that others use:
// npm's standardwebhooks and svix, and the Go modules of the same projects.
// What is delivered here they verify, and what they sign package verify
// accepts. It also runs the programs of docs/receiving.md against deliveries.
//
// The tests need node with npm, python3 with FastAPI, Flask and Django, and
// openssl.
package interop
