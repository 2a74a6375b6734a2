//go:build !race

package verify_test

import (
	"bytes"
	"testing"

	"github.com/autoreach/webhook/verify"
)

// The race detector makes sync.Pool drop items at random, so this runs without
// it; make test does both.
func TestVerifyDoesNotAllocate(t *testing.T) {
	body := bytes.Repeat([]byte("a"), 1024)
	h := signed(t, benchSecret, body, nil)
	v := mustNew(t, benchSecret, &verify.Options{MoreSecrets: []string{"another secret"}})
	value := h.Get("X-Webhook-Signature")
	wrong := mustNew(t, "another secret", &verify.Options{MoreSecrets: []string{benchSecret}})
	for name, fn := range map[string]func() error{
		"Verify, first secret":    func() error { return v.Verify(body, value) },
		"Verify, second secret":   func() error { return wrong.Verify(body, value) },
		"VerifyHeaders, Standard": func() error { return v.VerifyHeaders(body, h) },
	} {
		if err := fn(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = fn() // the second use of a hash state prepares its reset
		if n := testing.AllocsPerRun(200, func() { _ = fn() }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}
