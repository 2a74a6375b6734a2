// Package frameworks tests that the handler of package verify works in the
// routers that receivers use, with real deliveries: net/http, chi, gin, echo and
// fiber. docs/receiving.md shows their lines.
package frameworks
