package browser

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/stores/sqlitestore"
)

// The life of a webhook: every task of the page, from none to none again, by
// mouse, by keyboard alone, and without JavaScript.
func TestLife(t *testing.T) {
	for _, c := range []struct {
		name   string
		how    []func(*tab)
		sqlite bool
	}{
		{"mouse", nil, false},
		{"keyboard", []func(*tab){byKeyboard}, false},
		{"mouse without JavaScript", []func(*tab){noScript}, true},
		{"keyboard without JavaScript", []func(*tab){byKeyboard, noScript}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var store webhook.Store
			if c.sqlite {
				s, err := sqlitestore.Open(filepath.Join(t.TempDir(), "webhooks.db"), nil)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				store = s
			}
			w := newWorld(t, store)
			live(newTab(t, w, c.how...), w)
		})
	}
}

func live(b *tab, w *world) {
	b.signIn("Ada")
	b.sees("No webhooks yet")
	add(b, w)
	firstDelivery(b, w)
	testUnsaved(b, w)
	edit(b, w)
	failAndResend(b, w)
	dismissEach(b, w)
	recoverAll(b, w)
	rotate(b, w)
	changeSecret(b, w)
	signingKey(b, w)
	chat(b, w)
	disableAndEnable(b, w)
	filters(b, w)
	verifying(b)
	remove(b, w)
}

// now is the newest state of the page: with JavaScript it comes by itself.
func (b *tab) now(condition string) {
	b.Helper()
	if b.noscript {
		b.reload()
	}
	b.until("%s", condition)
}

// stays presses a button that changes the page, which is another one without
// JavaScript.
func (b *tab) stays(sel string) {
	b.Helper()
	if b.noscript {
		b.follow(sel)
	} else {
		b.press(sel)
	}
}

// tries presses a button of the test and waits for its result.
func (b *tab) tries(sel, want string) {
	b.Helper()
	eval[bool](b, `(document.querySelector("#live").dataset.before = document.querySelector("#live").innerText, true)`)
	b.stays(sel)
	b.until(`document.querySelector("#live")?.innerText.includes(%s)`, js(want))
}

// signed fails unless a request is signed with the secret.
func signed(b *tab, r received, secret string) {
	b.Helper()
	if err := webhook.Verify(secret, r.body, r.header.Get("X-Webhook-Signature")); err != nil {
		b.Errorf("the signature: %v", err)
	}
}

func firstDelivery(b *tab, w *world) {
	b.Helper()
	b.sees("Nothing was sent yet")
	eval[bool](b, "window.untouched = true")
	w.happen("acme", events.LeadScored, 1)
	w.settle()
	b.now(`document.querySelector(".deliveries .delivered")`)
	if !b.noscript && !eval[bool](b, "window.untouched") {
		b.Error("the page was loaded again")
	}
	b.shows(".deliveries", "Delivered Lead Scored Delivered at .*; your endpoint answered 200")
	b.follow(".deliveries a")
	b.shows(".attempts", "200 Your endpoint accepted it attempt 1")
	b.shows("pre[aria-label=Payload]", `"event": "lead.scored"`)
	name, body := b.download("a[download]")
	sent := w.receiver.requests("/hook")
	if last := sent[len(sent)-1]; string(body) != string(last.body) {
		b.Errorf("%s holds other bytes than were sent: %d, not %d", name, len(body), len(last.body))
	}
	b.follow(".crumbs a:last-child")
}

// testUnsaved tries edits that are then forgotten.
func testUnsaved(b *tab, w *world) {
	b.Helper()
	before := w.only("acme")
	b.follow(`.head-side a[href$="edit"]`)
	b.fill("#timeout_seconds", "1")
	for path, c := range map[string]struct{ say, more string }{
		"/teapot": {"It failed (after .*|at once)", "answered 500"},
		"/mute":   {"It failed (after .*|at once)", "no answer within 1 s: answer first, then do the work"},
		"/old":    {"It failed (after .*|at once)", "redirects are not followed: enter the final https URL"},
	} {
		var url string
		switch path {
		case "/teapot":
			url = w.receiver.at(path, says(500, "the database is <b>gone</b>"))
		case "/mute":
			url = w.receiver.at(path, silent)
		case "/old":
			url = w.receiver.at(path, moved("/old/"))
		}
		b.fill("#url", url)
		b.choose("#test_event", "reply.received")
		b.tries(`[formaction$="/test"]`, c.more)
		b.shows("#live", c.say+".*"+c.more)
		if n := len(w.receiver.requests(path)); n != 1 {
			b.Errorf("%s was asked %d times", path, n)
		}
		if path == "/teapot" {
			b.shows("#live", "the database is <b>gone</b>")
		}
		if b.value("#url") != url {
			b.Error("the test loses what was typed")
		}
	}
	b.follow(".form-end a.plain") // Cancel
	if after := w.only("acme"); after.URL != before.URL || after.Version != before.Version {
		b.Errorf("the tests changed %+v to %+v", before, after)
	}
	if w.only("acme").Health.Status != 200 {
		b.Error("the tests are in the log")
	}
}

func edit(b *tab, w *world) {
	b.Helper()
	b.follow(`.head-side a[href$="edit"]`)
	if got := b.value("#headers"); got != "X-Good: ••••••••" {
		b.Errorf("headers show %q", got)
	}
	b.fill("#name", "")
	b.follow(".form-end button")
	b.mistake("name", "(?i)required|empty|characters")
	b.fill("#name", "Sales")
	b.press(`input[name=events][value="lead.created"]`)
	b.follow(".form-end button")
	b.sees("Saved. The changes count from the next delivery on.")
	if e := w.only("acme"); e.Name != "Sales" || e.Events[0] != events.LeadCreated || e.Headers["X-Good"] != "1" || !e.HasSecret {
		b.Errorf("this was saved: %+v", e)
	}
}

// home goes to the list.
func home(b *tab) { b.Helper(); b.follow(".crumbs a") }

func failAndResend(b *tab, w *world) {
	b.Helper()
	home(b)
	w.receiver.at("/hook", says(500, `{"error":"the database is down"}`))
	w.happen("acme", events.LeadCreated, 1)
	w.settle()
	b.now(`document.querySelector(".hook .badge.error")`)
	b.shows(".hook", "Error .*Your endpoint answered 500; we gave up at .* after 4 attempts")
	b.shows(".hook .missed", "1 delivery was never delivered")
	b.follow(".hook h2 a")
	b.shows(".deliveries li", "Failed .*Your endpoint answered 500 four times; we gave up at")
	b.follow(".deliveries a")
	b.shows(".attempts li:last-child", "500 .*attempt 4 .*The log of your server tells more.*the database is down")
	if n := eval[int](b, `document.querySelectorAll(".attempts > li").length`); n != 4 {
		b.Errorf("%d attempts are shown", n)
	}
	w.receiver.at("/hook", says(200, `{"ok":true}`))
	b.follow("#resend")
	b.sees("On its way again")
	w.settle()
	b.now(`document.querySelector(".badge.delivered")`)
	home(b)
	b.now(`document.querySelector(".hook .badge.healthy")`)
	if b.has(".missed") {
		b.Error("what was resent still counts as never delivered")
	}
}

// fails makes n deliveries that die, one after the other.
func (w *world) fails(event string, n int) {
	w.Helper()
	w.receiver.at("/hook", says(500, "deploying"))
	for range n {
		w.happen("acme", event, 1)
		w.settle()
	}
	w.receiver.at("/hook", says(200, `{"ok":true}`))
}

func dismissEach(b *tab, w *world) {
	b.Helper()
	w.fails(events.LeadCreated, 3)
	b.follow(".hook h2 a")
	b.shows(".missed", "3 deliveries were never delivered")
	b.follow(".deliveries a") // the newest
	b.follow("#dismiss")
	b.sees("Dismissed. It does not count as undelivered any more.")
	b.shows(".missed", "2 deliveries were never delivered")
	b.follow("#dismiss")
	b.shows("h1", `Dismiss 2 deliveries\?`)
	b.follow(".form-end a")
	b.shows(".missed", "2 deliveries were never delivered")
	b.follow("#dismiss")
	b.follow(".form-end button")
	b.sees("Nothing counts as undelivered any more.")
	if b.has("#dismiss") || w.only("acme").Health.Undelivered != 0 {
		b.Error("they still count")
	}
}

func recoverAll(b *tab, w *world) {
	b.Helper()
	w.fails(events.LeadCreated, 3)
	b.reload()
	b.follow("#recover")
	b.sees("3 deliveries were never delivered")
	b.press("[name=since][value=custom]")
	b.follow(".form-end button")
	b.sees("Enter a time, such as") // none was
	b.press(`[name=since][value=""]`)
	b.follow(".form-end button")
	for b.noscript && b.has("#continue") {
		b.follow("#continue")
	}
	b.sees("3 deliveries are on the way again")
	b.follow("#finished")
	w.settle()
	b.now(`document.querySelectorAll(".deliveries .delivered").length`)
	if w.only("acme").Health.Undelivered != 0 || b.has("#recover") {
		b.Error("some were not recovered")
	}
}

func disableAndEnable(b *tab, w *world) {
	b.Helper()
	if err := w.d.Pause(context.Background(), webhook.Pause{}); err != nil {
		b.Fatal(err)
	}
	w.happen("acme", events.LeadCreated, 2)
	home(b)
	b.follow(".switch")
	b.sees("Disabled. Events that happen now are not sent to it.")
	b.until(`document.querySelector(".switch").getAttribute("aria-checked") === "false"`)
	if w.only("acme").Enabled {
		b.Error("it is not disabled")
	}
	b.follow(".switch")
	b.sees("2 deliveries wait since it was disabled")
	b.follow(".form-end a") // Cancel
	b.shows(".hook-meta, .status-card", ".")
	b.shows(".status-card", "Disabled")
	b.follow(".head-side form button")
	b.follow(".form-end button") // send them
	b.sees("Enabled. It gets events from now on.")
	if err := w.d.Resume(context.Background(), webhook.Pause{}); err != nil {
		b.Fatal(err)
	}
	w.settle()
	if r := w.only("acme"); !r.Enabled || r.Pending != 0 || r.Health.Last != webhook.LastDelivered {
		b.Errorf("after enabling: %+v", r)
	}
	b.follow(".head-side form button")
	b.sees("Disabled. Events that happen now")
	b.follow(".head-side form button") // nothing waits: at once
	b.sees("Enabled.")
}

func filters(b *tab, w *world) {
	b.Helper()
	w.fails(events.LeadCreated, 1)
	count := map[string]int{}
	for _, d := range w.deliveries(w.only("acme").Endpoint) {
		count[string(d.State)]++
	}
	for filter, want := range map[string]int{"": count["delivered"] + count["dead"], "delivered": count["delivered"], "failed": count["dead"], "undelivered": 1, "waiting": 0} {
		b.follow("#filter-" + filter)
		if got := eval[int](b, `document.querySelectorAll(".deliveries > li").length`); got != want {
			b.Errorf("%q shows %d deliveries, want %d", filter, got, want)
		}
		if b.text("[aria-current=page]") != b.text("#filter-"+filter) {
			b.Errorf("%q is not marked as the filter", filter)
		}
	}
	b.follow("#filter-")
}

func verifying(b *tab) {
	b.Helper()
	b.follow("#verify")
	for _, language := range []string{"Go", "Node", "Python"} {
		b.sees(language)
	}
	b.shows("main", "WEBHOOK_SECRET.*webhook-id")
	b.follow(".crumbs a:last-child")
}

func remove(b *tab, w *world) {
	b.Helper()
	home(b)
	b.follow(`[aria-label="Delete Sales"]`)
	b.shows("h1", `Delete Sales\?`)
	b.shows(".question", "cannot be undone")
	b.follow(".form-end a") // Cancel
	w.only("acme")
	home(b)
	b.follow(`[aria-label="Delete Sales"]`)
	b.follow(".form-end button")
	b.sees("Deleted. Nothing more is sent to it.")
	b.sees("No webhooks yet")
	if found, err := w.d.ListEndpoints(context.Background(), webhook.EndpointQuery{Account: "acme"}); err != nil || len(found) != 0 {
		b.Error(fmt.Sprint(len(found), " webhooks are left, ", err))
	}
}
