package browser

import (
	"testing"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// mistake checks that a field is marked as wrong and says why.
func (b *tab) mistake(field, pattern string) {
	b.Helper()
	sel := "#" + field
	if !b.has(sel + "[aria-invalid=true]") {
		b.Errorf("%s is not marked as wrong", field)
		return
	}
	said := eval[string](b, `(document.querySelector(%s).getAttribute("aria-describedby") ?? "").split(" ").map(id => document.getElementById(id)).filter(el => el?.matches(".wrong")).map(el => el.innerText).join("; ")`, js(sel))
	if !matches(pattern, said) {
		b.Errorf("what is wrong with %s is %q, want %s", field, said, pattern)
	}
}

// add makes a webhook, with every mistake first.
func add(b *tab, w *world) {
	b.Helper()
	b.follow(`main a[href$="new"]`)
	b.press("summary")
	b.fill("#url", "http://example.com/hook")
	b.fill("#secret", "too short")
	b.fill("#headers", "X-Good: 1\nHost: evil.example.com")
	b.fill("#timeout_seconds", "90")
	b.fill("#per_second", "-1")
	b.fill("#max_in_flight", "0.5") // this cannot be read, and the others are judged all the same
	b.follow(".form-end button")
	for field, pattern := range map[string]string{
		"name":            "required|empty|characters",
		"url":             "https",
		"events":          "choose",
		"secret":          "16",
		"headers":         "Host",
		"timeout_seconds": "60",
		"per_second":      `number|0`,
		"max_in_flight":   "whole number",
	} {
		b.mistake(field, "(?i)"+pattern)
	}
	for sel, typed := range map[string]string{"#url": "http://example.com/hook", "#secret": "too short", "#headers": "X-Good: 1\nHost: evil.example.com",
		"#timeout_seconds": "90", "#per_second": "-1", "#max_in_flight": "0.5"} {
		if got := b.value(sel); got != typed {
			b.Errorf("%s holds %q, not %q as it was typed", sel, got, typed)
		}
	}
	if !b.noscript {
		b.until(`document.activeElement.id === "problems"`)
	}
	b.press(`#problems a[href="#name"]`) // brings to the field
	b.until(`document.activeElement.id === "name"`)
	url := w.receiver.at("/hook", says(200, `{"ok":true}`))
	b.fill("#name", "CRM Sync")
	b.fill("#url", url)
	b.press(`input[name=events][value="lead.scored"]`)
	b.fill("#headers", "X-Good: 1")
	b.fill("#timeout_seconds", "")
	b.fill("#per_second", "")
	b.fill("#max_in_flight", "")
	b.stays("[name=generate]")
	b.until(`document.querySelector("#secret").value.startsWith("whsec_")`)
	if n := len(b.value("#secret")); n < 32 {
		b.Errorf("the secret that was made has %d characters", n)
	}
	secret := b.value("#secret")
	if b.value("#name") != "CRM Sync" || b.value("#url") != url {
		b.Error("making a secret loses what was typed")
	}

	// A test before there is anything. Its event follows the chosen one.
	if b.noscript {
		b.choose("#test_event", "lead.scored")
	}
	b.tries("[data-try]", "It works: your endpoint answered 200 in")
	got := w.receiver.requests("/hook")
	if len(got) != 1 || got[0].header.Get("X-Webhook-Test") != "true" || got[0].header.Get("X-Good") != "1" {
		b.Errorf("the test sent %d requests, %v", len(got), got)
	}
	signed(b, got[0], secret)
	b.tries("[formaction$=preview]", "As a command")
	b.shows("#live", `lead\.scored.*curl.*sha256=[0-9a-f]{64}`)

	b.follow(".form-end button")
	b.sees("CRM Sync is ready")
	if b.text("#secret") != secret {
		b.Error("the secret is not shown once")
	}
	if e := w.only("acme"); e.Name != "CRM Sync" || e.URL != url || e.Events[0] != events.LeadScored || !e.HasSecret || e.ChangedBy != "Ada" {
		b.Errorf("this was made: %+v", e)
	}
	if !b.noscript { // else it is the answer to a POST, which a browser asks about
		b.reload()
		b.sees("Nothing was sent yet")
		if eval[bool](b, "document.documentElement.outerHTML.includes(%s)", js(secret)) {
			b.Error("the secret is shown twice")
		}
		return
	}
	b.follow(".form-end a.primary")
}

// What is no public address is refused at the field, with what to do.
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, func(o *webhook.Options) { o.AllowPrefixes = nil })
	b := newTab(t, w)
	b.signIn("Ada")
	b.open("new")
	b.fill("#name", "Mine")
	b.press("[name=events]")
	for _, url := range []string{"https://localhost/hook", "https://127.0.0.1:8443/", "https://10.0.0.8/", "https://[::1]/", "https://2130706433/"} {
		b.fill("#url", url)
		b.press("[data-try]")
		b.until(`document.querySelector("#live .note")?.innerText.match(/public internet|public address|local|four decimal|IPv6/)`)
		b.follow(".form-end button")
		b.mistake("url", "public internet|public address|local|four decimal|IPv6")
		if b.value("#url") != url {
			b.Error("what was typed is lost")
		}
	}
}
