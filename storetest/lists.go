package storetest

import (
	"fmt"
	"slices"

	"github.com/autoreach/webhook"
)

var listCases = []testCase{
	{"Endpoints/OrderAndPages", "endpoints come in the order of their creation, and After continues behind the last one of a " +
		"page: each of them once", listPages},
	{"Endpoints/PageAfterDeleted", "the next page goes on behind the ID of After, also when that endpoint was deleted meanwhile, or " +
		"one with an earlier ID was stored later: a reader must not take the rest for gone", listDeleted},
	{"Endpoints/DefaultLimit", "a page has 100 endpoints unless asked for another number", listDefault},
	{"Endpoints/TypeFilter", "Type selects those that an event would concern: subscribed, and enabled or disabled by the " +
		"engine (which logs what they miss)", listType},
	{"Endpoints/PendingCount", "Pending counts what waits, due or not, and nothing that has ended", listPending},
}

func (c *check) list(q webhook.EndpointQuery) []string {
	c.Helper()
	rs, err := c.s.Endpoints(c.ctx, q)
	c.must(err, "Endpoints")
	var out []string
	for _, r := range rs {
		out = append(out, r.ID)
	}
	return out
}

func listPages(c *check) {
	var want []string
	for i := range 7 {
		e := c.endpoint()
		want = append(want, e.ID)
		c.endpoint(ofForeign)
		if i == 2 { // an edit does not move it
			c.put(e)
		}
	}
	var got []string
	for after, pages := "", 0; ; pages++ {
		page := c.list(webhook.EndpointQuery{Account: account, After: after, Limit: 3})
		if got = append(got, page...); len(page) < 3 || pages > 7 {
			break
		}
		after = page[2]
	}
	if !slices.Equal(got, want) {
		c.Errorf("in pages of 3:\ngot  %v\nwant %v", got, want)
	}
	if one := c.list(webhook.EndpointQuery{Account: account, ID: want[4]}); !slices.Equal(one, want[4:5]) {
		c.Errorf("by ID: got %v, want %v", one, want[4:5])
	}
}

func listDeleted(c *check) {
	slow := draft()
	want := []string{slow.ID}
	for range 4 {
		want = append(want, c.endpoint().ID)
	}
	c.put(slow)
	if page := c.list(webhook.EndpointQuery{Account: account, Limit: 2}); !slices.Equal(page, want[:2]) {
		c.Errorf("the first page:\ngot  %v\nwant %v", page, want[:2])
	}
	c.must(c.s.DeleteEndpoint(c.ctx, account, want[1]), "DeleteEndpoint")
	if page := c.list(webhook.EndpointQuery{Account: account, After: want[1]}); !slices.Equal(page, want[2:]) {
		c.Errorf("behind an endpoint that is gone:\ngot  %v\nwant %v", page, want[2:])
	}
}

func listDefault(c *check) {
	for range 103 {
		c.endpoint()
	}
	if n := len(c.list(webhook.EndpointQuery{Account: account})); n != 100 {
		c.Errorf("without a Limit: got %d endpoints of 103, want 100", n)
	}
	if n := len(c.list(webhook.EndpointQuery{Account: account, Limit: 1000})); n != 103 {
		c.Errorf("with a Limit of 1,000: got %d endpoints of 103", n)
	}
}

func listType(c *check) {
	disabled := func(by webhook.DisabledBy) func(*webhook.Endpoint) {
		return func(e *webhook.Endpoint) { e.Enabled, e.DisabledBy = false, by }
	}
	want := []string{c.endpoint().ID, c.endpoint(disabled(webhook.DisabledByEngine)).ID}
	c.endpoint(disabled(webhook.DisabledByCustomer))
	c.endpoint(disabled(webhook.DisabledByOperator))
	c.endpoint(func(e *webhook.Endpoint) { e.Events = []webhook.EventType{typeC} })
	c.endpoint(ofForeign)
	if got := c.list(webhook.EndpointQuery{Account: account, Type: typeB}); !slices.Equal(got, want) {
		c.Errorf("for type %s:\ngot  %v\nwant %v", typeB, got, want)
	}
	if got := c.list(webhook.EndpointQuery{Account: account, Type: "lead"}); len(got) != 0 {
		c.Errorf("a part of a type's name selects %v", got)
	}
}

func listPending(c *check) {
	e, idle := c.endpoint(), c.endpoint(func(e *webhook.Endpoint) { e.Events = nil })
	c.emits(5)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	c.settle([]webhook.Outcome{delivered(h, ds[0]), dead(h, ds[1]), retry(c.long())(h, ds[2])})
	if n := c.look(e).Pending; n != 3 {
		c.Errorf("of 5 deliveries one is delivered, one dead and one waits for its retry: want 3 pending, got %d", n)
	}
	if n := c.look(idle).Pending; n != 0 {
		c.Errorf("an endpoint without deliveries has %d pending", n)
	}
	c.enable(e, false)
	if n := c.look(e).Pending; n != 3 {
		c.Errorf("disabling changed Pending from 3 to %d", n)
	}
}

// wantStats compares all but Oldest.
func (c *check) wantStats(want webhook.StoreStats) {
	c.Helper()
	got, err := c.s.Stats(c.ctx)
	c.must(err, "Stats")
	got.Oldest = want.Oldest
	if got != want {
		c.Errorf("Stats: got %s, want %s", fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want))
	}
}
