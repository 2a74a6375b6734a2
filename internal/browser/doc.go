// Package browser proves package console in a real browser: Chromium, driven
// by mouse and by keyboard alone, with JavaScript and without, against a real
// dispatcher and receivers that misbehave. Everything is in its tests.
//
// They need chromium, and npm for the accessibility checker.
//
//	WEBHOOK_SHOTS=shots go test .   # keeps a picture of every state
package browser
