package browser

import (
	"slices"
	"strings"

	"github.com/autoreach/webhook/events"
)

const typedSecret = "a secret of my own"

func rotate(b *tab, w *world) {
	b.Helper()
	b.follow("#rotate")
	b.fill("#secret", "short")
	b.follow(".form-end button")
	b.sees("The secret")
	if b.value("#secret") != "short" {
		b.Error("what was typed is lost")
	}
	b.fill("#secret", "")
	b.choose("#overlap_hours", "24")
	b.follow(".form-end button")
	b.sees("There is a new secret")
	secret := b.text("#secret")
	b.follow(".form-end a.primary")
	b.shows(".calm", "Two secrets sign until .*: in webhook-signature both")
	w.happen("acme", events.LeadCreated, 1)
	w.settle()
	sent := w.receiver.requests("/hook")
	if n := len(strings.Fields(sent[len(sent)-1].header.Get("webhook-signature"))); n != 2 {
		b.Errorf("%d signatures, want two", n)
	}
	b.follow("#end-rotation")
	b.sees("Only the new secret signs now")
	w.happen("acme", events.LeadCreated, 1)
	w.settle()
	sent = w.receiver.requests("/hook")
	signed(b, sent[len(sent)-1], secret)
}

func changeSecret(b *tab, w *world) {
	b.Helper()
	b.follow(`.head-side a[href$="edit"]`)
	if b.value("#secret") != "" {
		b.Error("the secret is shown")
	}
	b.fill("#secret", typedSecret)
	b.follow(".form-end button")
	b.sees("Saved.")
	w.happen("acme", events.LeadCreated, 1)
	w.settle()
	sent := w.receiver.requests("/hook")
	signed(b, sent[len(sent)-1], typedSecret)
}

// signingKey makes a key, replaces it and removes it.
func signingKey(b *tab, w *world) {
	b.Helper()
	signatures := func() []string {
		w.happen("acme", events.LeadCreated, 1)
		w.settle()
		sent := w.receiver.requests("/hook")
		return strings.Fields(sent[len(sent)-1].header.Get("webhook-signature"))
	}
	isKey := func(s string) bool { return strings.HasPrefix(s, "v1a,") }
	b.follow(`.head-side a[href$="edit"]`)
	b.follow(`#secret-field a[href$="signing-key"]`)
	b.follow("#make-key")
	first := b.text("#public-key")
	if !strings.HasPrefix(first, "whpk_") || w.only("acme").PublicKey != first {
		b.Errorf("the public key is shown as %q", first)
	}
	if s := signatures(); len(s) != 2 || !slices.ContainsFunc(s, isKey) {
		b.Errorf("secret and key sign %q", s)
	}
	b.follow("#replace-key")
	if second := b.text("#public-key"); second == first || w.only("acme").PublicKey != second {
		b.Errorf("the key was not replaced: %q", second)
	}
	b.follow("#remove-key")
	if b.has("#public-key") || w.only("acme").PublicKey != "" {
		b.Error("the key was not removed")
	}
	if s := signatures(); len(s) != 1 || slices.ContainsFunc(s, isKey) {
		b.Errorf("the secret alone signs %q", s)
	}
	b.follow(".crumbs a:last-child")
}

// chat sends what Slack takes, and then JSON again.
func chat(b *tab, w *world) {
	b.Helper()
	last := func() string {
		w.happen("acme", events.LeadCreated, 1)
		w.settle()
		sent := w.receiver.requests("/hook")
		return string(sent[len(sent)-1].body)
	}
	for _, c := range [][2]string{{"slack", `"text":`}, {"", `"event":"lead.created"`}} {
		format, want := c[0], c[1]
		b.follow(`.head-side a[href$="edit"]`)
		b.choose("#format", format)
		b.follow(".form-end button")
		b.sees("Saved.")
		if w.only("acme").Format != format {
			b.Errorf("the format is %q, want %q", w.only("acme").Format, format)
		}
		if body := last(); !strings.Contains(body, want) {
			b.Errorf("as %q this was sent: %s", format, body)
		}
	}
}
