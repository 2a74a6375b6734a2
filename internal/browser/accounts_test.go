package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// Two people of two accounts, each in a browser of their own, try each other's
// webhooks: every page and every action is 404, in HTML and in JSON, as if they
// were not there.
func TestAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	type side struct {
		who, account, name, path string
		hook                     webhook.Endpoint
		n                        int64
		tab                      *tab
	}
	sides := []*side{{who: "Ada", account: "acme", name: "Of Acme", path: "/acme"}, {who: "Carol", account: "globex", name: "Of Globex", path: "/globex"}}
	for _, s := range sides {
		s.hook = w.add(webhook.Endpoint{Account: s.account, Name: s.name, URL: w.receiver.at(s.path, says(500, "secret of "+s.name))})
		w.happen(s.account, events.LeadScored, 1)
		w.settle()
		s.n = w.deliveries(s.hook)[0].ID
		s.tab = newTab(t, w)
		s.tab.signIn(s.who)
		s.tab.sees(s.name)
	}
	for i, me := range sides {
		other, b := sides[1-i], me.tab
		before := len(w.receiver.requests(other.path))
		own, foreign := fmt.Sprintf("%s/%d", me.hook.ID, me.n), fmt.Sprintf("%s/%d", other.hook.ID, other.n)
		if s := b.open(own); s != 200 {
			t.Errorf("%s gets %d from the own delivery", me.who, s)
		}
		mixed := fmt.Sprintf("%s/%d", me.hook.ID, other.n) // a foreign delivery below the own webhook
		id := other.hook.ID
		for _, path := range []string{id, id + "/edit", id + "/enable", id + "/delete", id + "/rotate", id + "/recover", id + "/dismiss", id + "/verify",
			foreign, foreign + "/payload", mixed, mixed + "/payload"} {
			if s := b.open(path); s != 404 {
				t.Errorf("%s gets %d from %s", me.who, s, path)
			}
			if b.has("pre") || strings.Contains(eval[string](b, "document.documentElement.outerHTML"), other.name) {
				t.Errorf("%s sees something of %s at %s", me.who, other.name, path)
			}
			b.api("GET", path, other.name)
		}
		b.open("")
		for _, path := range []string{id + "/edit", id + "/test", id + "/preview", id + "/enable", id + "/disable", id + "/rotate", id + "/end-rotation",
			id + "/recover", id + "/dismiss", foreign + "/resend", foreign + "/dismiss", mixed + "/resend", mixed + "/dismiss", id + "/delete"} {
			b.api("POST", path, other.name)
		}
		w.settle()
		if n := len(w.receiver.requests(other.path)); n != before {
			t.Errorf("%s made %d requests to %s", me.who, n-before, other.name)
		}
		if r := w.only(other.account); r.Version != other.hook.Version || r.Health.Undelivered != 1 {
			t.Errorf("%s changed %+v", me.who, r)
		}
	}
}

// api asks for JSON from the page's own origin, and wants 404.
func (b *tab) api(method, path, forbidden string) {
	b.Helper()
	type answer struct {
		Status int
		Body   string
	}
	b.do(fetchJSON(method, b.origin+b.prefix+path))
	b.until("window.answer")
	a := eval[answer](b, "window.answer")
	if a.Status != 404 || strings.Contains(a.Body, forbidden) || !strings.Contains(a.Body, `"code":"not_found"`) {
		b.Errorf("%s %s answers %d %s", method, path, a.Status, a.Body)
	}
}
