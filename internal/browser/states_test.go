package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// A state is a page, and what was done on it.
type state struct {
	name string
	who  string // default Ada
	path string // {CRM Sync} stands for the ID of that webhook, {n} for its newest delivery
	act  func(*tab)
}

var states = []state{
	{name: "list"},
	{name: "list-empty", who: "Eve"},
	{name: "list-full", who: "Dan"},
	{name: "list-viewer", who: "Bob"},
	{name: "add", path: "new"},
	{name: "add-mistakes", path: "new", act: func(b *tab) {
		b.press("summary")
		b.fill("#url", "http://example.com/hook")
		b.fill("#secret", "too short")
		b.fill("#headers", "Host: evil.example.com")
		b.fill("#timeout_seconds", "90")
		b.follow(".form-end button")
	}},
	{name: "add-test-refused", path: "new", act: func(b *tab) { b.tries("[data-try]", "Nothing was sent") }},
	{name: "made", path: "new", who: "Carol", act: func(b *tab) {
		b.fill("#name", "Data warehouse")
		b.fill("#url", "https://hooks.example.com/in")
		b.press("[name=events]")
		b.press("[name=generate]")
		b.follow(".form-end button")
		b.press("summary")
	}},
	{name: "webhook-healthy", path: "{CRM Sync}"},
	{name: "webhook-hours", path: "{CRM Sync}", act: func(b *tab) { b.press("#hours summary") }},
	{name: "webhook-error", path: "{HubSpot contacts}"},
	{name: "webhook-retrying", path: "{Data warehouse}"},
	{name: "webhook-new", path: "{Outreach report}"},
	{name: "webhook-gone", path: "{Old Zap}"},
	{name: "webhook-disabled", path: "{Lead routing (staging)}"},
	{name: "webhook-long", path: "{" + longName + "}"},
	{name: "webhook-filter", path: "{CRM Sync}?state=undelivered"},
	{name: "webhook-viewer", path: "{HubSpot contacts}", who: "Bob"},
	{name: "delivery-delivered", path: "{CRM Sync}/{n}"},
	{name: "delivery-failed", path: "{HubSpot contacts}/{n}"},
	{name: "delivery-retrying", path: "{Data warehouse}/{n}"},
	{name: "delivery-waiting", path: "{Lead routing (staging)}/{n}"},
	{name: "delivery-viewer", path: "{HubSpot contacts}/{n}", who: "Bob"},
	{name: "edit", path: "{CRM Sync}/edit", act: func(b *tab) { b.press("summary") }},
	{name: "edit-disabled", path: "{Lead routing (staging)}/edit"},
	{name: "edit-test-works", path: "{CRM Sync}/edit", act: func(b *tab) { b.tries("[data-try]", "It works") }},
	{name: "edit-test-fails", path: "{HubSpot contacts}/edit", act: func(b *tab) { b.tries("[data-try]", "answered 500") }},
	{name: "edit-preview", path: "{Calendar bridge}/edit", act: func(b *tab) { b.tries("[formaction$=preview]", "As a command") }},
	{name: "enable", path: "{Lead routing (staging)}/enable"},
	{name: "delete", path: "{" + longName + "}/delete"},
	{name: "rotate", path: "{Calendar bridge}/rotate"},
	{name: "rotate-mistake", path: "{Calendar bridge}/rotate", act: func(b *tab) {
		b.fill("#secret", "short")
		b.follow(".form-end button")
	}},
	{name: "key-none", path: "{Calendar bridge}/signing-key"},
	{name: "key", path: "{Outreach report}/signing-key"},
	{name: "webhook-key", path: "{Outreach report}"},
	{name: "edit-chat", path: "{Old Zap}/edit", act: func(b *tab) {
		b.choose("#format", "slack")
		b.tries("[formaction$=preview]", "As a command")
	}},
	{name: "recover", path: "{HubSpot contacts}/recover"},
	{name: "recover-done", path: "{Nightly export}/recover", act: func(b *tab) {
		b.follow(".form-end button")
		b.until(`document.querySelector("#finished")`)
	}},
	{name: "dismiss", path: "{HubSpot contacts}/dismiss"},
	{name: "verify", path: "{CRM Sync}/verify"},
	{name: "verify-unsigned", path: "{Old Zap}/verify"},
	{name: "not-there", path: "0199aaaa-0000-7000-8000-000000000000"},
	{name: "not-allowed", path: "new", who: "Bob"},
}

var longName = strings.TrimSpace(strings.Repeat("A very long name of a webhook ", 4))[:100]

// furnish gives Acme webhooks in every state, and returns their IDs by name.
func furnish(w *world) map[string]string {
	w.Helper()
	ids := map[string]string{}
	add := func(e webhook.Endpoint) webhook.Endpoint {
		e = w.add(e)
		ids[e.Name] = e.ID
		return e
	}
	ctx := context.Background()
	// First what is to be tried again in an hour.
	w.end()
	w.options.Retry = webhook.Schedule{time.Hour, time.Hour}
	w.run()
	add(webhook.Endpoint{Name: "Data warehouse", URL: w.receiver.at("/ingest/webhooks", says(502, "<html>\n<h1>502 Bad Gateway</h1>\n</html>")),
		Events: []string{events.EnrichmentCompleted}, Secret: webhook.GenerateSecret(), PerSecond: 5, Timeout: 10 * time.Second})
	w.happen("acme", events.EnrichmentCompleted, 1)
	for end := time.Now().Add(patience); len(w.receiver.requests("/ingest/webhooks")) == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	w.end()
	w.options.Retry = webhook.Schedule{time.Millisecond, time.Millisecond, time.Millisecond}
	w.run()

	crm := add(webhook.Endpoint{Name: "CRM Sync", URL: w.receiver.at("/crm/v2/autoreach", says(200, `{"ok":true}`)), Secret: webhook.GenerateSecret(),
		Headers: map[string]string{"X-Api-Key": "k-1"}})
	add(webhook.Endpoint{Name: "HubSpot contacts", URL: w.receiver.at("/hubspot", says(500, `{"error":"internal","trace":"could not connect to database \"crm\" at 10.2.0.7"}`)),
		Events: []string{events.LeadCreated}, Secret: webhook.GenerateSecret()})
	add(webhook.Endpoint{Name: "Calendar bridge", URL: w.receiver.at("/meetings", moved("https://bridge.example.com/meetings/")), Events: []string{events.MeetingBooked}, Secret: webhook.GenerateSecret()})
	add(webhook.Endpoint{Name: "Nightly export", URL: w.receiver.at("/nightly", says(403, "no")), Events: []string{events.MessageSent}})
	add(webhook.Endpoint{Name: "Old Zap", URL: w.receiver.at("/catch/48213", says(410, `{"error":"this zap is turned off"}`)), Events: []string{events.AIResponseSent}})
	settled := func() {
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if s, err := w.d.Stats(ctx); err == nil && s.Pending == 1 && s.InFlight == 0 { // that of the warehouse
				return
			}
		}
		w.Fatal("deliveries go on and on")
	}
	for range 4 {
		for _, e := range []string{events.LeadScored, events.LeadCreated, events.MeetingBooked, events.MessageSent} {
			w.happen("acme", e, 1)
		}
		settled()
	}
	w.happen("acme", events.AIResponseSent, 1)
	settled()
	w.happen("acme", events.AIResponseSent, 2) // missed: it is disabled by now
	w.receiver.at("/nightly", says(200, ""))
	w.receiver.at("/crm/v2/autoreach", says(429, "slow down"))
	w.happen("acme", events.LeadScored, 1)
	for end := time.Now().Add(patience); len(w.receiver.requests("/crm/v2/autoreach")) < 5 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	w.receiver.at("/crm/v2/autoreach", says(200, `{"ok":true}`))
	settled()
	if _, _, err := w.d.RotateSecret(ctx, "acme", crm.ID, "", 0); err != nil {
		w.Fatal(err)
	}
	routing := add(webhook.Endpoint{Name: "Lead routing (staging)", URL: w.receiver.server.URL + "/route", Events: []string{events.ReplyReceived}})
	if err := w.d.Pause(ctx, webhook.Pause{Type: events.ReplyReceived}); err != nil {
		w.Fatal(err)
	}
	w.happen("acme", events.ReplyReceived, 3)
	if _, err := w.d.DisableEndpoint(ctx, "acme", routing.ID, webhook.DisabledByCustomer); err != nil {
		w.Fatal(err)
	}
	add(webhook.Endpoint{Name: "Outreach report", URL: w.receiver.server.URL + "/in/reports", Events: []string{events.MeetingBooked}, FIFO: true,
		SigningKey: webhook.GenerateSigningKey()})
	add(webhook.Endpoint{Name: longName, URL: w.receiver.server.URL + "/" + strings.Repeat("long", 500), Events: []string{events.AIResponseSent}})
	for i := range 10 {
		w.add(webhook.Endpoint{Account: "initech", Name: fmt.Sprint("Webhook ", i+1), URL: w.receiver.server.URL + fmt.Sprint("/initech/", i)})
	}
	return ids
}

// Every state of every page, at every width, in light and dark: nothing is cut
// off, everything can be reached and read, and the page is small.
func TestStates(t *testing.T) {
	t.Parallel()
	checker := axe(t)
	w := newWorld(t, nil, func(o *webhook.Options) {
		o.EndpointLimit = func(account string) int { return map[string]int{"acme": 10, "initech": 10, "globex": 1000}[account] }
	})
	ids := furnish(w)
	var replace []string
	for name, id := range ids {
		replace = append(replace, "{"+name+"}", id)
	}
	names := strings.NewReplacer(replace...)
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			path := names.Replace(s.path)
			if id, _, ok := strings.Cut(path, "/{n}"); ok {
				n := w.deliveries(webhook.Endpoint{Account: "acme", ID: id})[0].ID
				path = strings.ReplaceAll(path, "{n}", fmt.Sprint(n))
			}
			b := newTab(t, w)
			if s.who == "" {
				s.who = "Ada"
			}
			b.as(s.who)
			b.uncached()
			mark := b.mark()
			b.open(path)
			if s.act != nil {
				s.act(b)
			}
			b.small(mark)
			if !strings.HasPrefix(s.name, "not-") {
				b.until(`document.querySelector("#main h1")`)
			}
			for _, width := range []int64{1440, 768, 360} {
				b.size(width, 900)
				if problems := eval[[]string](b, "%s", layout); len(problems) > 0 {
					t.Errorf("at %d px:\n%s", width, strings.Join(problems, "\n"))
				}
				for _, scheme := range []string{"light", "dark"} {
					rules, asked := map[string]string{"1440 light": allRules, "360 dark": darkRules}[fmt.Sprint(width, " ", scheme)]
					if os.Getenv("WEBHOOK_SHOTS") != "" {
						b.scheme(scheme)
						b.shoot(fmt.Sprintf("%s-%d-%s", s.name, width, scheme))
					}
					if asked {
						b.scheme(scheme)
						for _, v := range b.violations(checker, rules) {
							t.Errorf("axe, at %d px, %s: %s", width, scheme, v)
						}
					}
				}
			}
			b.size(1280, 900)
			b.walk()
		})
	}
}

// uncached makes the tab load everything anew.
func (b *tab) uncached() {
	b.Helper()
	b.do(send(network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true}))
}

// small fails unless a page and what it loads is below 60 KB.
func (b *tab) small(mark int) {
	b.Helper()
	var page float64
	kinds := map[network.ResourceType]float64{}
	for _, r := range b.sent(mark) {
		if r.kind == "Document" {
			page, kinds = 0, map[network.ResourceType]float64{} // another page begins
		}
		if r.kind == "Fetch" {
			continue // the news of the same page
		}
		page += r.bytes
		kinds[r.kind] += r.bytes
	}
	if page == 0 || page > 60_000 || kinds["Document"] == 0 || kinds["Stylesheet"] == 0 || kinds["Script"] == 0 {
		b.Errorf("the page weighs %.0f bytes: %v", page, kinds)
	}
}

// layout finds what is wrong with where things are.
const layout = `(() => {
	const bad = [], W = document.documentElement.clientWidth;
	const name = el => el.tagName.toLowerCase() + (el.id ? "#" + el.id : "") + [...el.classList].map(c => "." + c).join("") + " " + JSON.stringify(el.innerText?.slice(0, 40));
	const scrolls = el => { for (let p = el; p; p = p.parentElement) if (["auto", "scroll"].includes(getComputedStyle(p).overflowX) && p !== document.documentElement) return true; return false; };
	if (document.documentElement.scrollWidth > W) bad.push("the page scrolls sideways: " + document.documentElement.scrollWidth + " px wide");
	for (const el of document.querySelectorAll("body *")) {
		const s = getComputedStyle(el), r = el.getBoundingClientRect();
		if (r.width < 1 || r.height < 1 || s.visibility === "hidden" || el.closest(".sr, .skip, .default-button, svg")) continue;
		if ((r.left < -1 || r.right > W + 1) && !scrolls(el)) bad.push("beyond the edge: " + name(el));
		if (["inline", "contents"].includes(s.display) || scrolls(el)) continue;
		if (el.scrollWidth > el.clientWidth + 1 && !(s.overflowX === "hidden" && s.textOverflow === "ellipsis") && !["INPUT", "SELECT", "TEXTAREA"].includes(el.tagName))
			bad.push("cut off or spilling: " + name(el) + " " + el.scrollWidth + " in " + el.clientWidth);
	}
	for (const el of document.querySelectorAll("a[href], button, input, select, textarea, summary")) {
		const target = el.matches("[type=radio], [type=checkbox]") ? el.closest("label") ?? el : el, r = target.getBoundingClientRect();
		if (r.width < 1 || el.closest(".sr, .skip, .default-button") || el.type === "hidden") continue;
		const inText = getComputedStyle(el).display === "inline" && el.closest("p, dd, li, .crumbs");
		if (!inText && (r.width < 24 || r.height < 24)) bad.push("too small to hit: " + name(el) + " " + r.width + "x" + r.height);
	}
	for (const el of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")) {
		const label = el.getAttribute("aria-label") || el.textContent.trim() || [...(el.labels ?? [])].map(l => l.textContent.trim()).join("");
		if (!label) bad.push("has no name: " + name(el));
	}
	return bad;
})()`

// walk goes through a page by the tab key: the focus is always seen, takes the
// order of the page, and leaves nothing out.
func (b *tab) walk() {
	b.Helper()
	eval[bool](b, `(() => {
		// Asked for anew each time, since the live part may be another one by now.
		window.stops = () => {
			const all = [...document.querySelectorAll("a[href], button:not([disabled]), input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
				.filter(el => el.checkVisibility() && el.tabIndex >= 0);
			return all.filter(el => { // one stop for each group of radios: the chosen one, else the first
				if (el.type !== "radio") return true;
				const group = all.filter(o => o.type === "radio" && o.name === el.name);
				return el === (group.find(o => o.checked) ?? group[0]);
			});
		};
		const start = document.createElement("span");
		start.tabIndex = -1;
		document.body.prepend(start);
		start.focus();
		start.remove();
		return true;
	})()`)
	type place struct{ At, Of int }
	at := -1
	for range 300 {
		b.key(kb.Tab)
		s := b.focus("body")
		p := eval[place](b, "(() => { const s = stops(); return {at: s.indexOf(document.activeElement), of: s.length}; })()")
		if s.What == "" && at == p.Of-1 {
			return
		}
		if s.Bad != "" {
			b.Errorf("the focus cannot be seen: %s %s", s.What, s.Bad)
		}
		if p.At != at && p.At != at+1 { // fields of dates have several stops
			b.Errorf("the tab key goes from stop %d to %d of %d: %s", at, p.At, p.Of, s.What)
			return
		}
		at = p.At
	}
	b.Errorf("the tab key never leaves the page")
}

// axe is the source of the accessibility checker.
func axe(t *testing.T) string {
	t.Helper()
	if err := npmCI(); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// npmCI installs what package-lock.json names, unless it is there.
var npmCI = sync.OnceValue(func() error {
	lock, err := os.Stat("package-lock.json")
	if err != nil {
		return err
	}
	installed, err := os.Stat("node_modules/.package-lock.json")
	if err == nil && installed.ModTime().After(lock.ModTime()) {
		return nil
	}
	if out, err := exec.Command("npm", "ci").CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci (npm comes with sudo make programs): %w\n%s", err, out)
	}
	return nil
})

const (
	allRules  = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`
	darkRules = `["color-contrast", "target-size", "scrollable-region-focusable", "nested-interactive"]`
)

// violations are what the accessibility checker finds.
func (b *tab) violations(checker, rules string) []string {
	b.Helper()
	if !eval[bool](b, `typeof window.axe === "object"`) {
		b.do(chromedp.Evaluate[chromedp.Void](checker))
	}
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`axe.run(document, {preload: false, resultTypes: ["violations"], runOnly: `+rules+`})
		.then(r => !r.passes.length ? ["nothing was checked"] : r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + v.help + "\n" + n.html.slice(0, 300) + "\n" + n.failureSummary)))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatal(err)
	}
	return found
}
