package browser

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

func fetchJSON(method, url string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(window.answer = null, void fetch(%s, {method: %s, headers: {Accept: "application/json"}})
		.then(async r => { window.answer = {status: r.status, body: await r.text()}; }))`, js(url), js(method)))
}

// hurried makes the page's clock run so many times as fast, and counts what
// it asks for, and what of that fails.
func hurried(b *tab, times int) {
	b.do(send(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: fmt.Sprintf(`{ const real = setTimeout; window.asked = window.failed = 0; window.setTimeout = (f, ms, ...rest) => real(f, ms / %d, ...rest);
			const get = fetch; window.fetch = (...all) => { window.asked++; const answer = get(...all); answer.catch(() => window.failed++); return answer; }; }`, times)}))
}

// What happens is seen without reloading, and what somebody does on the page
// meanwhile is not disturbed: the focus, what was opened, where it is scrolled to.
func TestLiveUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	hook := w.add(webhook.Endpoint{Name: "CRM Sync", URL: w.receiver.at("/hook", says(200, "ok"))})
	w.happen("acme", events.LeadScored, 1)
	w.settle()
	b := newTab(t, w, byKeyboard)
	hurried(b, 100)
	b.signIn("Ada")
	b.open(hook.ID)
	b.press("#hours summary")
	b.tabTo("#filter-failed")
	before := eval[string](b, "(window.untouched = true, window.scrollTo(0, 50), `true filter-failed true ${scrollY}`)")
	for i := range 3 {
		w.happen("acme", events.LeadScored, 1)
		b.until(`document.querySelectorAll(".deliveries .delivered.dot").length === %d`, i+2)
		if now := eval[string](b, "`${window.untouched} ${document.activeElement.id} ${document.querySelector('#hours').open} ${scrollY}`"); now != before {
			t.Errorf("an update changes what whoever uses the page did from %s to %s", before, now)
		}
	}

	// Whoever does not see the page is told.
	if !b.has("#news[role=status]") || b.text("#news") != "" {
		t.Error("there is no empty region for news")
	}
	w.receiver.at("/hook", says(500, "no"))
	w.happen("acme", events.LeadScored, 1)
	b.until(`document.querySelector("#news").textContent === "CRM Sync: Error"`)
	w.receiver.at("/hook", says(200, "ok"))
	w.happen("acme", events.LeadScored, 1)
	b.until(`document.querySelector("#news").textContent === "CRM Sync: Healthy"`)

	// A delivery on its way, which is tried again, while one looks at it.
	answered := make(chan struct{})
	release := sync.OnceFunc(func() { close(answered) })
	t.Cleanup(release)
	w.receiver.at("/hook", func(rw http.ResponseWriter, r *http.Request) {
		<-answered
		w.receiver.at("/hook", says(200, "ok"))
		rw.WriteHeader(500)
	})
	w.happen("acme", events.LeadScored, 1)
	b.open(fmt.Sprintf("%s/%d", hook.ID, w.deliveries(hook)[0].ID))
	b.sees("Nothing was sent yet.")
	release()
	b.until(`document.querySelector(".status-card .badge.delivered")`)
	b.shows(".attempts", "500 .*attempt 1 .*200 Your endpoint accepted it attempt 2")

	// Nothing is shown again as long as nothing changes.
	b.open("")
	eval[bool](b, `(window.changes = 0, new MutationObserver(() => window.changes++).observe(document.querySelector("#live"), {childList: true, subtree: true}), window.asked = 0, true)`)
	b.until("window.asked > 5")
	if n := eval[int](b, "window.changes"); n != 0 {
		t.Errorf("the list is shown anew %d times although nothing happened", n)
	}
}

// When the server goes away the page stays as it is, asks less and less, and
// gives up without a word.
func TestServerGoesAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	hook := w.add(webhook.Endpoint{Name: "CRM Sync", URL: w.receiver.server.URL})
	for _, path := range []string{"", hook.ID} {
		b := newTab(t, w)
		hurried(b, 500)
		b.signIn("Ada")
		b.open(path)
		b.until("window.asked > 1")
		before := b.text("#live")
		if path == "" { // the session ends: it is sent to the login
			b.do(send(network.DeleteCookies, network.DeleteCookiesParams{Name: "session", URL: b.origin}))
		} else {
			w.host.CloseClientConnections()
			w.host.Close()
		}
		b.until("window.failed >= 5") // an answer that was cut off counts for the page, but not here
		eval[bool](b, "(window.asked = 0, setTimeout(() => window.later = true, 20 * 60_000), true)")
		b.until("window.later")
		if n := eval[int](b, "window.asked"); n > 1 {
			t.Errorf("%d requests after it gave up", n)
		}
		if after := b.text("#live"); after != before {
			t.Errorf("the page shows %q instead of %q", after, before)
		}
	}
}

// Recovering much goes on by itself, shows how far it is, and can be stopped.
func TestRecoverProgress(t *testing.T) {
	t.Parallel()
	const n = 450
	w := newWorld(t, nil, func(o *webhook.Options) { o.Retry = webhook.Schedule{} })
	hook := w.add(webhook.Endpoint{Name: "CRM Sync", URL: w.receiver.server.URL + "/hook"})
	dead(w, hook, n)
	b := newTab(t, w)
	b.signIn("Ada")
	b.sees("450 deliveries were never delivered")

	// Hold the second step until it was seen that the first one is shown.
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	t.Cleanup(release)
	passed := make(chan struct{}, 1)
	w.hold(func(r *http.Request) func() {
		if !strings.HasSuffix(r.URL.Path, "/recover") || r.Method != "POST" || r.Header.Get("X-Console-Part") == "" {
			return func() {}
		}
		<-hold
		return func() {
			select {
			case passed <- struct{}{}:
			default:
			}
		}
	})
	b.follow(`[id^=recover-]`)
	b.follow(".form-end button")
	b.sees("200 deliveries are on the way again")
	b.until(`document.querySelector("progress").value === 200 && document.querySelector("progress").max === %d`, n)
	b.shoot("recover-running")
	b.follow("#stop")
	release()
	<-passed
	b.sees("were never delivered")
	left := w.only("acme").Health.Undelivered
	if left != n-200 && left != n-400 { // the step that was on its way may have been taken
		t.Errorf("%d are left after it was stopped", left)
	}
	w.settle()
	b.open(hook.ID)
	b.follow("#recover")
	b.follow(".form-end button")
	b.until(`document.querySelector("#finished")`)
	b.sees(fmt.Sprintf("%d deliveries are on the way again", left))
	b.until(`document.querySelector("#news").textContent === "%d deliveries are on the way again"`, left)
	b.follow("#finished")
	w.settle()
	if r := w.only("acme"); r.Health.Undelivered != 0 {
		t.Errorf("%d are left", r.Health.Undelivered)
	}
}

// dead gives a webhook n deliveries that were never delivered: those that waited
// while it was disabled, discarded.
func dead(w *world, e webhook.Endpoint, n int) {
	w.Helper()
	ctx := context.Background()
	w.receiver.at("/hook", says(500, "no"))
	for left := n; left > 0; {
		step := min(left, 4) // more that wait open the breaker of an endpoint that fails
		w.happen(e.Account, e.Events[0], step)
		w.settle()
		left -= step
	}
	w.receiver.at("/hook", says(200, "ok"))
	if r, err := w.d.Endpoint(ctx, e.Account, e.ID); err != nil || r.Health.Undelivered != n {
		w.Fatalf("%d are undelivered, want %d (%v)", r.Health.Undelivered, n, err)
	}
}

// An account with more than a thousand deliveries in the log of one webhook, and
// another with a thousand webhooks: pages stay as small as with a few, and lead
// to everything.
func TestMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, func(o *webhook.Options) { o.EndpointLimit = func(string) int { return 1000 } })
	hook := w.add(webhook.Endpoint{Name: "CRM Sync", URL: w.receiver.server.URL})
	const n = 1100
	w.happen("acme", events.LeadScored, n)
	for i := range 1000 {
		w.add(webhook.Endpoint{Account: "initech", Name: fmt.Sprint("Webhook ", i+1), URL: w.receiver.server.URL})
	}
	w.settle()
	b := newTab(t, w)
	b.signIn("Ada")
	b.shows(".hook", "Healthy")
	b.uncached()
	mark := b.mark()
	b.open(hook.ID)
	b.small(mark)
	b.shows(".figures", "Delivered 1,100")
	seen, pages := 0, 0
	for {
		pages++
		seen += eval[int](b, `document.querySelectorAll(".deliveries > li").length`)
		if !b.has(`.pager a[href*=before]`) {
			break
		}
		if pages == 2 {
			b.shoot("webhook-page-2")
		}
		b.follow(`.pager a[href*=before]`)
	}
	if seen != n {
		t.Errorf("%d deliveries are shown on %d pages, want %d", seen, pages, n)
	}
	b.follow(".pager a")
	b.until(`!document.querySelector(".pager").innerText.includes("Newest")`)

	d := newTab(t, w)
	d.signIn("Dan")
	d.sees("1,000 of 1,000 used")
	d.shoot("list-thousand")
	d.uncached()
	mark = d.mark()
	d.reload()
	d.small(mark)
	d.follow(`.pager a[href*=after]`)
	d.sees("Webhook 11")
	if n := eval[int](d, `document.querySelectorAll(".hook").length`); n != 10 {
		t.Errorf("%d webhooks are on a page", n)
	}
}
