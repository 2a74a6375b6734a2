package storetest

import (
	"slices"

	"github.com/autoreach/webhook"
)

var extendCases = []testCase{
	{"Extend/NewLeaseFromNow", "an extended lease begins now: the holder keeps the lane until its end, and not longer", extendLease},
	{"Extend/LostReported", "lanes that are not held with that token any more are reported, so that their holder stops; the " +
		"others are extended all the same", extendLost},
	{"Extend/AfterLeaseUnclaimed", "a lane whose lease has ended, but that nobody else has claimed, can be extended or given back",
		extendLate},
	{"Extend/NeverSteals", "extending by a former holder does not touch the present one's lease", extendFence},
}

func (c *check) extend(n float64, hs ...webhook.Hold) []webhook.Hold {
	c.Helper()
	lost, err := c.s.Extend(c.ctx, hs, c.units(n))
	c.must(err, "Extend")
	return lost
}

func extendLease(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claimLease(e, c.units(3)).Hold
	c.advance(1.5)
	if lost := c.extend(4, h); len(lost) > 0 {
		c.Fatalf("a held lane is reported as lost")
	}
	c.advance(2.5)
	c.noClaim("within the extended lease, after the end of the first one")
	c.one(h)
	c.advance(2)
	if _, ok := c.ask(webhook.Want{Hold: h, Max: 1}); ok {
		c.Errorf("Due answers after the end of the extended lease")
	}
	c.claim(e)
}

func extendLost(c *check) {
	lanes := make([]webhook.Endpoint, 5)
	for i := range lanes {
		lanes[i] = c.endpoint()
	}
	c.emit()
	held := map[string]webhook.Hold{}
	for _, x := range c.claimFor(10, c.units(3)) {
		held[x.Endpoint] = x.Hold
	}
	kept, stale, off := held[lanes[0].ID], held[lanes[1].ID], held[lanes[2].ID]
	gone, back := held[lanes[3].ID], held[lanes[4].ID]
	stale.Token--
	c.enable(lanes[2], false)
	c.must(c.s.DeleteEndpoint(c.ctx, account, gone.Endpoint), "DeleteEndpoint")
	c.giveBack(webhook.Return{Hold: back, Mark: webhook.MarkAny, Pause: c.long()})
	unknown := webhook.Hold{Endpoint: newID(), Token: 1}
	lost := c.extend(6, stale, off, kept, gone, back, unknown)
	for _, h := range []webhook.Hold{stale, off, gone, back, unknown} {
		if !slices.Contains(lost, h) {
			c.Errorf("%v is not reported as lost", h)
		}
	}
	if len(lost) != 5 {
		c.Errorf("lost are %v, want 5 of them", lost)
	}
	c.advance(4)
	c.one(kept)
}

func extendFence(c *check) {
	e := c.endpoint()
	c.emit()
	old := c.claimLease(e, c.units(1)).Hold
	c.advance(1.5)
	h := c.claimLease(e, c.units(3)).Hold
	if lost := c.extend(100, old); len(lost) != 1 {
		c.Errorf("a former holder is not told that its lane is lost")
	}
	c.advance(1)
	c.one(h)
	c.advance(3)
	c.claim(e)
}

func extendLate(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claimLease(e, c.units(1)).Hold
	c.advance(1.5)
	if lost := c.extend(1, h); len(lost) > 0 {
		c.Fatalf("nobody else has claimed the lane, and it is reported as lost")
	}
	c.one(h)
	c.noClaim("within the extended lease")
	c.advance(1.5)
	c.giveBack(webhook.Return{Hold: h, Mark: webhook.MarkAny, Pause: c.units(2)})
	c.noClaim("within the pause that it was given back with")
}
