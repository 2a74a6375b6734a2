package storetest

import (
	"errors"

	"github.com/autoreach/webhook"
)

var resendCases = []testCase{
	{"Resend/NewDelivery", "a resend is a new delivery of the same event, and both know each other", resendNew},
	{"Resend/SameOpOnce", "a repeat with the same op, at once or later, sends nothing and returns the first one's result", resendOp},
	{"Resend/OpRemembered", "a repeat returns the first one's result also when the delivery was resent by others since", resendOps},
	{"Resend/PendingConflicts", "what is pending, or whose last resend is, is not resent: of many at once one sends", resendPending},
	{"Resend/FailureTouchesNoHealth", "the failure of a resend does not touch the health, but counts as undelivered again",
		resendFails},
	{"Resend/OfDeliveredNeverUndelivered", "a resend of what had been delivered does not count when it dies: the customer has it",
		resendMoot},
	{"Resend/MootDeathKeepsLastReason", "LastReason is why the last undelivered one died; a failed resend of what had been " +
		"delivered is not one", resendReason},
	{"Resend/SuccessClearsError", "a resend's success clears the error status", resendClears},
	{"Resend/Disabled", "a resend for a disabled endpoint is ErrDisabled and makes nothing", resendDisabled},
	{"Resend/NotFound", "a delivery that does not exist, is another account's, or has no body any more is ErrNotFound",
		resendMissing},
}

// resend resends each of the deliveries, with an operation of its own.
func (c *check) resend(id ...int64) {
	c.Helper()
	for _, id := range id {
		c.resendAs(id, newID())
	}
}

func (c *check) resendAs(id int64, op string) int64 {
	c.Helper()
	n, err := c.s.Resend(c.ctx, account, id, op)
	c.must(err, "Resend")
	return n
}

// noResend says that a resend must be refused.
func (c *check) noResend(id int64, why error) {
	c.Helper()
	if n, err := c.s.Resend(c.ctx, account, id, newID()); n != 0 || !errors.Is(err, why) {
		c.Errorf("Resend of %d: got %d, %v; want %v", id, n, err, why)
	}
}

func resendNew(c *check) {
	e := c.endpoint()
	ev := c.emit()
	old := c.work(e, dead)[0]
	c.wantUndelivered(e, 1)
	id := c.resendAs(old.ID, "op")
	c.wantUndelivered(e, 0)
	h := c.claim(e).Hold
	d := c.one(h)
	if d.ID != id || !d.Resend || d.ID <= old.ID || d.Attempts != 0 || d.Gone || d.Delay != 0 {
		c.Errorf("Resend of %d returned %d, due is %+v", old.ID, id, d)
	}
	c.wantEvent(d, ev)
	before, after := c.record(old.ID), c.record(d.ID)
	if before.ResentAs != d.ID || before.State != webhook.StateDead || before.Undelivered || len(before.Attempts) != 1 {
		c.Errorf("the one that was resent: %+v", before)
	}
	if after.Of != old.ID || !after.Resend || after.Event != ev.ID || after.State != webhook.StatePending {
		c.Errorf("its resend: %+v", after)
	}
	c.apply(delivered(h, d))
	c.wantState(d.ID, webhook.StateDelivered, webhook.ResultDelivered)
	c.wantState(old.ID, webhook.StateDead, webhook.ResultFailed)
}

func resendOp(c *check) {
	e := c.endpoint()
	old := c.kill(e, 1)[0].ID
	var got [10]int64
	together(len(got), func(i int) {
		var err error
		if got[i], err = c.s.Resend(c.ctx, account, old, "op"); err != nil {
			c.Errorf("Resend: %v", err)
		}
	})
	for _, id := range got {
		if id != got[0] || id == 0 {
			c.Errorf("the same operation 10 times at once returned %v", got)
			break
		}
	}
	c.wantPending(1)
	c.work(e, delivered)
	if id := c.resendAs(old, "op"); id != got[0] {
		c.Errorf("a repeat after the resend ended returned %d, the first one %d", id, got[0])
	}
	c.wantPending(0)
	if id := c.resendAs(old, "another"); id == got[0] {
		c.Errorf("another operation must send again")
	}
	c.wantPending(1)
}

func resendOps(c *check) {
	e := c.endpoint()
	old := c.kill(e, 1)[0].ID
	first := c.resendAs(old, "first")
	c.work(e, dead)
	c.resendAs(old, "second")
	c.work(e, dead)
	if id := c.resendAs(old, "first"); id != first {
		c.Errorf("the first operation's repeat returned %d, the first time %d", id, first)
	}
	c.wantPending(0)
}

func resendPending(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	d := c.one(h)
	c.noResend(d.ID, webhook.ErrConflict)
	c.apply(delivered(h, d))
	errs := make([]error, 10)
	together(len(errs), func(i int) { _, errs[i] = c.s.Resend(c.ctx, account, d.ID, newID()) })
	sent := 0
	for _, err := range errs {
		if err == nil {
			sent++
		} else if !errors.Is(err, webhook.ErrConflict) {
			c.Errorf("while a resend is pending: want ErrConflict, got %v", err)
		}
	}
	if sent != 1 {
		c.Errorf("10 operations at once resent %d times", sent)
	}
	c.wantPending(1)
	c.apply(delivered(h, c.one(h)))
	c.resend(d.ID)
}

func resendFails(c *check) {
	e := c.endpoint()
	old := c.kill(e, 1)
	c.emit()
	c.work(e, delivered)
	before := c.look(e).Health
	c.resend(old[0].ID)
	h := c.claim(e).Hold
	s := c.apply(dead(h, c.one(h)))
	c.wantChanges(s, e)
	after := c.look(e).Health
	if after.InError || !after.FailingSince.IsZero() || after.Last != before.Last || after.EventID != before.EventID || after.Reason != "" {
		c.Errorf("a failed resend changed the health:\n%+v\n%+v", before, after)
	}
	c.wantUndelivered(e, 1)
	c.giveBack(webhook.Return{Hold: h, Mark: c.due(h).Mark})
	c.emit()
	if x := c.claim(e); x.DeadInRow != 0 || x.FailingFor != 0 {
		c.Errorf("a failed resend counts as a death in a row: %+v", x)
	}
}

// moot delivers an event and lets its resend die.
func (c *check) moot(e webhook.Endpoint) (resend int64) {
	c.Helper()
	c.emit()
	d := c.work(e, delivered)[0]
	c.resend(d.ID)
	d = c.work(e, func(h webhook.Hold, d webhook.Delivery) webhook.Outcome {
		o := dead(h, d)
		o.Attempt.Error = "the moot one's failure"
		return o
	})[0]
	if r := c.record(d.ID); r.Undelivered || r.State != webhook.StateDead {
		c.Errorf("a failed resend of what had been delivered is %s, undelivered %t", r.State, r.Undelivered)
	}
	return d.ID
}

func resendMoot(c *check) {
	e := c.endpoint()
	id := c.moot(e)
	c.wantUndelivered(e, 0)
	c.want("nothing is undelivered", 0, nil)(c.recoverBy(webhook.DeliveryQuery{Account: account}))
	c.resend(id) // the resend of a failed resend
	c.work(e, dead)
	c.wantUndelivered(e, 0)
}

func resendReason(c *check) {
	e := c.endpoint()
	c.kill(e, 1)
	before := c.look(e).Health
	c.moot(e)
	after := c.look(e).Health
	if after.Undelivered != 1 || after.LastReason != before.LastReason {
		c.Errorf("%d undelivered, LastReason %q; before the moot resend's failure %q", after.Undelivered, after.LastReason, before.LastReason)
	}
}

func resendClears(c *check) {
	e := c.endpoint()
	old := c.kill(e, 2)
	c.resend(old[0].ID)
	h := c.claim(e).Hold
	s := c.apply(delivered(h, c.one(h)))
	c.wantChanges(s, e, webhook.ChangeRecovered)
	if r := c.look(e).Health; r.InError || !r.FailingSince.IsZero() || r.Undelivered != 1 {
		c.Errorf("after the resend of one of two was accepted: %+v", r)
	}
}

func resendDisabled(c *check) {
	e := c.endpoint()
	old := c.kill(e, 1)[0].ID
	e = c.enable(e, false)
	c.noResend(old, webhook.ErrDisabled)
	c.wantPending(0)
	c.wantUndelivered(e, 1)
	c.enable(e, true)
	c.resend(old)
}

func resendMissing(c *check) {
	e := c.endpoint()
	other := c.endpoint(ofForeign)
	c.emit(ofForeignEv)
	c.work(other, dead)
	old := c.kill(e, 1)[0].ID
	c.noResend(old+1000, webhook.ErrNotFound)
	c.noResend(c.log(webhook.DeliveryQuery{Account: foreign})[0].ID, webhook.ErrNotFound)
	c.advance(2)
	c.purge(webhook.Ages{Bodies: c.units(1)})
	c.noResend(old, webhook.ErrNotFound)
	c.wantPending(0)
	c.wantUndelivered(e, 1)
}
