package storetest

import (
	"github.com/autoreach/webhook"
)

var duplicateCases = []testCase{
	{"Append/SameID", "an event whose ID is stored is a duplicate: it adds nothing and the first one's number of deliveries is " +
		"told. This is how an emitter repeats after an unknown outcome", appendSameID},
	{"Append/SameIDConcurrent", "of many Appends of one event at once exactly one stores it", appendSameIDConcurrent},
	{"Append/SameKey", "an event whose key was used is a duplicate of the first one, whose ID is told", appendSameKey},
	{"Append/DuplicateKeyConcurrent", "of many events with one key at once exactly one is stored, and all callers learn its ID",
		appendKeyConcurrent},
	{"Append/KeyPerAccount", "a key belongs to its account: another one may use the same", appendKeyAccount},
	{"Append/KeyFreeAfterWindow", "a key refuses a second event for KeyWindow and not longer", appendKeyWindow},
	{"Append/DuplicateInSlice", "duplicates are found within one slice, too", appendInSlice},
	{"Append/DuplicatesAmongNew", "a batch with duplicates stores the others", appendMixed},
}

func (c *check) wantDuplicate(got webhook.Appended, first string, deliveries int) {
	c.Helper()
	if want := (webhook.Appended{ID: first, Deliveries: deliveries, Duplicate: true}); got != want {
		c.Errorf("a duplicate: got %+v, want %+v", got, want)
	}
}

func (c *check) wantPending(n int) {
	c.Helper()
	st, err := c.s.Stats(c.ctx)
	c.must(err, "Stats")
	if st.Pending != n {
		c.Errorf("%d deliveries must be pending, there are %d", n, st.Pending)
	}
}

func appendSameID(c *check) {
	e := c.endpoint()
	c.endpoint()
	ev := c.emit()
	c.endpoint() // came later
	c.wantDuplicate(c.append(ev)[0], ev.ID, 2)
	for _, claim := range c.claimFor(10, c.long()) {
		c.apply(delivered(claim.Hold, c.one(claim.Hold)))
	}
	c.must(c.s.DeleteEndpoint(c.ctx, account, e.ID), "DeleteEndpoint")
	c.wantDuplicate(c.append(ev)[0], ev.ID, 2)
	c.wantPending(0)
	lonely := c.emit(ofType("lead.unheard"))
	c.wantDuplicate(c.append(lonely)[0], lonely.ID, 0)
}

func appendSameIDConcurrent(c *check) {
	c.endpoint()
	ev := event()
	c.concurrentDuplicates(100, func(int) eventRecord { return ev })
}

func appendSameKey(c *check) {
	c.endpoint()
	key := func(e *eventRecord) { e.Key, e.KeyWindow = "score:1", c.long() }
	first := c.emit(key)
	c.wantDuplicate(c.append(event(key, ofType(typeB)))[0], first.ID, 1)
	c.wantDuplicate(c.append(first)[0], first.ID, 1)
	c.emit(func(e *eventRecord) { e.Key, e.KeyWindow = "SCORE:1", c.long() })
	c.wantPending(2)
}

func appendKeyConcurrent(c *check) {
	c.endpoint()
	c.concurrentDuplicates(100, func(int) eventRecord {
		return event(func(e *eventRecord) { e.Key, e.KeyWindow = "score:1", c.long() })
	})
}

// concurrentDuplicates appends n events at once, of which one must be stored.
func (c *check) concurrentDuplicates(n int, make1 func(i int) eventRecord) {
	c.Helper()
	got := make([]webhook.Appended, n)
	together(n, func(i int) {
		out, err := c.s.Append(c.ctx, []eventRecord{event(ofType(typeC)), make1(i)})
		if err != nil || len(out) != 2 {
			c.Errorf("Append: %v", err)
			return
		}
		got[i] = out[1]
	})
	originals := 0
	for _, a := range got {
		if !a.Duplicate {
			originals++
		}
		if a.ID != got[0].ID || a.Deliveries != 1 {
			c.Errorf("callers disagree on the stored event: %+v and %+v", got[0], a)
		}
	}
	if originals != 1 {
		c.Errorf("%d of %d were told that theirs is the first", originals, n)
	}
	c.wantPending(1)
}

func appendKeyAccount(c *check) {
	c.endpoint()
	c.endpoint(ofForeign)
	key := func(e *eventRecord) { e.Key, e.KeyWindow = "score:1", c.long() }
	c.emit(key)
	c.emit(key, ofForeignEv)
	c.wantPending(2)
}

func appendKeyWindow(c *check) {
	c.endpoint()
	key := func(e *eventRecord) { e.Key, e.KeyWindow = "score:1", c.units(4) }
	first := c.emit(key)
	c.advance(2)
	c.wantDuplicate(c.append(event(key))[0], first.ID, 1)
	c.advance(3) // the refused one did not extend the window
	second := c.emit(key)
	c.wantDuplicate(c.append(event(key))[0], second.ID, 1)
	c.wantPending(2)
}

func appendInSlice(c *check) {
	c.endpoint()
	key := func(e *eventRecord) { e.Key, e.KeyWindow = "score:1", c.long() }
	x, y := event(), event(key)
	got := c.append(x, y, x, event(key))
	if got[0].Duplicate || got[1].Duplicate || got[0].Deliveries != 1 || got[1].Deliveries != 1 {
		c.Errorf("the first ones in the slice: %+v", got[:2])
	}
	c.wantDuplicate(got[2], x.ID, 1)
	c.wantDuplicate(got[3], y.ID, 1)
	c.wantPending(2)
}

func appendMixed(c *check) {
	c.endpoint()
	old := c.emit()
	fresh := event()
	got := c.append(old, fresh, old)
	c.wantDuplicate(got[0], old.ID, 1)
	c.wantDuplicate(got[2], old.ID, 1)
	if got[1] != (webhook.Appended{ID: fresh.ID, Deliveries: 1}) {
		c.Errorf("a new event among duplicates: %+v", got[1])
	}
	c.wantPending(2)
}
