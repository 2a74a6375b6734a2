package storetest

import "github.com/autoreach/webhook"

var eraseCases = []testCase{
	{"Erase/Subject", "erasing a subject forgets its events with all their deliveries, pending ones too, and nothing else", eraseSubject},
	{"Erase/SubjectOfAllAccounts", "without an account the subject is erased in all of them", eraseEverywhere},
	{"Erase/Account", "erasing an account forgets all that is stored about it, and nothing of others", eraseAccount},
	{"Erase/Chunked", "a call erases at most n, and who calls until it returns 0 has erased everything; a repeat finds nothing",
		eraseChunks},
	{"Erase/HeldLane", "what is erased while it is being sent leaves its holder in peace", eraseHeld},
}

func ofSubject(s string) func(*eventRecord) { return func(e *eventRecord) { e.Subject = s } }

func (c *check) erase(e webhook.Erasure, n int) (total int) {
	c.Helper()
	for range 1000 {
		k, err := c.s.Erase(c.ctx, e, n)
		c.must(err, "Erase")
		if k == 0 {
			return total
		}
		if k > n {
			c.Fatalf("Erase of at most %d erased %d", n, k)
		}
		total += k
	}
	c.Fatalf("Erase still finds something after 1,000 calls")
	return total
}

func eraseSubject(c *check) {
	e := c.endpoint()
	other := c.endpoint(ofForeign)
	c.emit(ofSubject("lead:1"), ofForeignEv)
	c.work(other, dead)
	c.emits(1, ofSubject("lead:1"))
	c.emits(1, ofSubject("lead:10"))
	c.work(e, dead)
	c.emits(2, ofSubject("lead:1"))
	c.emit(ofSubject("lead:1"), ofType("lead.unheard"))
	kept := c.emit(ofSubject("LEAD:1"))
	if n := c.erase(webhook.Erasure{Account: account, Subject: "lead:1"}, 100); n < 3 {
		c.Errorf("Erase says %d, there were at least 3 events", n)
	}
	rs := c.log(webhook.DeliveryQuery{Body: true})
	if len(rs) != 2 {
		c.Fatalf("of 5 deliveries 3 were about the subject; %d are left", len(rs))
	}
	r := c.look(e)
	if r.Pending != 1 || r.Health.Undelivered != 1 {
		c.Errorf("%d pending and %d undelivered are left, want 1 and 1", r.Pending, r.Health.Undelivered)
	}
	c.wantEvent(c.one(c.claim(e).Hold), kept)
	if x := c.look(other).Health; x.Undelivered != 1 || len(x.Response) == 0 {
		c.Errorf("another account's delivery about a subject of the same name: %+v", x)
	}
	c.work2(other)
}

// work2 says that the endpoint still works.
func (c *check) work2(e webhook.Endpoint) {
	c.Helper()
	ev := c.emitTo(e)
	c.wantEvent(c.one(c.claim(e).Hold), ev)
}

func eraseEverywhere(c *check) {
	x, y := c.endpoint(), c.endpoint(ofForeign)
	c.emit(ofSubject("lead:1"), ofForeignEv)
	c.work(y, dead)
	c.emit(ofSubject("lead:1"))
	c.work(x, dead)
	c.erase(webhook.Erasure{Subject: "lead:1"}, 100)
	for _, e := range []webhook.Endpoint{x, y} {
		c.wantLog(webhook.DeliveryQuery{Account: e.Account})
		if h := c.look(e).Health; h.Undelivered != 0 || len(h.Response) != 0 {
			c.Errorf("what an endpoint of %s answered about the subject is still there: %+v", e.Account, h)
		}
	}
}

func eraseAccount(c *check) {
	x := c.endpoint()
	y := c.endpoint(ofForeign)
	c.emit(ofForeignEv)
	c.work(y, dead)
	key := func(e *eventRecord) { e.Key, e.KeyWindow = "score:1", c.long() }
	c.emit(key)
	h := c.claim(x).Hold
	c.emits(3, ofSubject("lead:1"))
	c.erase(webhook.Erasure{Account: account}, 100)
	if c.find(x) != nil {
		c.Errorf("its endpoint is still there")
	}
	c.wantLog(webhook.DeliveryQuery{})
	c.wantStats(webhook.StoreStats{Endpoints: 1, Undelivered: 1})
	if _, ok := c.ask(webhook.Want{Hold: h, Max: 1}); ok {
		c.Errorf("Due answers for an erased endpoint")
	}
	c.noClaim("after all was erased")
	c.wantLog(webhook.DeliveryQuery{Account: foreign}, c.log(webhook.DeliveryQuery{Account: foreign})[0].ID)
	c.emit(key) // the key went, too
	c.work2(y)
}

func eraseChunks(c *check) {
	for range 3 {
		c.endpoint()
	}
	c.endpoint(ofForeign)
	c.emits(5, ofSubject("lead:1"))
	all := webhook.Erasure{Account: account, Subject: "lead:1"}
	n, err := c.s.Erase(c.ctx, all, 2)
	if n != 2 || err != nil {
		c.Errorf("of 5 events at most 2: got %d, %v", n, err)
	}
	c.wantPending(9)
	if n := c.erase(all, 2); n != 3 {
		c.Errorf("the other 3 events: got %d", n)
	}
	c.wantPending(0)
	c.emits(3)
	c.erase(webhook.Erasure{Account: account}, 2)
	c.wantStats(webhook.StoreStats{Endpoints: 1})
	if n, err := c.s.Erase(c.ctx, webhook.Erasure{Account: account}, 2); n != 0 || err != nil {
		c.Errorf("a repeat: got %d, %v", n, err)
	}
}

func eraseHeld(c *check) {
	e := c.endpoint()
	c.emit(ofSubject("lead:1"))
	kept := c.emit()
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	c.erase(webhook.Erasure{Account: account, Subject: "lead:1"}, 100)
	s := c.settle([]webhook.Outcome{retry(0)(h, ds[0])})
	if s.Applied[0] {
		c.Errorf("a retry brought an erased delivery back")
	}
	c.settle([]webhook.Outcome{delivered(h, ds[0])})
	c.wantLog(webhook.DeliveryQuery{}, ds[1].ID)
	c.wantEvent(c.one(h), kept)
}
