package storetest

import (
	"fmt"

	"github.com/autoreach/webhook"
)

var durableCases = []testCase{
	{"Durable/Everything", "what was stored is there after the store was opened again: endpoints, deliveries with their history, " +
		"health, keys, pauses", durableAll},
	{"Durable/LeaseAndToken", "a lease outlives the store's process: its holder goes on, and nobody else gets the lane before its " +
		"end", durableLease},
	{"Durable/RetryTime", "a retry is due at its time after the store was opened again", durableRetry},
	{"Exclusive/LockFreesLanes", "taking the lock frees the lanes that a process which died has left behind", lockFrees},
}

// reopen opens the store's data again.
func (c *check) reopen() {
	c.Helper()
	if c.h.Reopen == nil {
		c.Skip("the store does not outlive its process")
	}
	c.s = c.h.Reopen(c, c.s)
}

func durableAll(c *check) {
	e := c.endpoint(func(e *webhook.Endpoint) { e.Headers = map[string]string{"X-Env": "prod"} })
	key := func(e *eventRecord) { e.Key, e.KeyWindow = "score:1", c.long() }
	c.kill(e, 2)
	c.emit()
	c.work(e, delivered)
	first := c.emit(key)
	c.emit()
	c.work(e, retry(c.long()))
	c.setPause(pauseB, true)
	picture := func() string {
		s := fmt.Sprintf("%+v\n%+v\n", c.look(e), c.pauses())
		for _, r := range c.log(webhook.DeliveryQuery{Body: true}) {
			s += fmt.Sprintf("%+v\n", r)
		}
		return s
	}
	before := picture()
	c.reopen()
	if after := picture(); after != before {
		c.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	c.sameEndpoint("after the store was opened again", c.look(e).Endpoint, e)
	c.wantDuplicate(c.append(event(key))[0], first.ID, 1)
	c.wantDuplicate(c.append(first)[0], first.ID, 1)
	fresh := c.emit()
	c.wantEvent(c.one(c.claim(e).Hold), fresh)
}

func durableLease(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claimLease(e, c.units(20)).Hold
	ds := c.due(h).Deliveries
	c.apply(dead(h, ds[0]))
	c.reopen()
	c.noClaim("within the lease of before")
	c.wantIDs("with the token of before", c.due(h).Deliveries, ds[1].ID)
	c.extend(2, h)
	c.advance(2.5)
	if now := c.claim(e); now.Token <= h.Token {
		c.Errorf("token %d after %d", now.Token, h.Token)
	}
	c.drop(retry(0)(h, ds[1]), "another one holds the lane")
}

func durableRetry(c *check) {
	e := c.endpoint()
	c.emit()
	c.work(e, retry(c.units(20)))
	c.reopen()
	c.noClaim("before the retry is due")
	c.advance(20.5)
	if d := c.one(c.claim(e).Hold); d.Attempts != 1 || d.Delay != c.units(20) {
		c.Errorf("the retry: %+v", d)
	}
}

func lockFrees(c *check) {
	if _, ok := c.s.(webhook.Exclusive); !ok {
		c.Skip("any number of processes can deliver from this store at a time")
	}
	e := c.endpoint()
	c.emit()
	old := c.claim(e).Hold
	d := c.one(old)
	c.reopen()
	unlock, err := c.s.(webhook.Exclusive).Lock(c.ctx)
	c.must(err, "Lock")
	now := c.claim(e).Hold
	c.drop(retry(0)(old, d), "its holder had died")
	c.wantIDs("for the new holder", c.due(now).Deliveries, d.ID)
	c.must(unlock(), "unlock")
}
