package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

var modelCases = []testCase{
	{"Model/BurstThenSilence", "after a burst of events, whatever happened meanwhile, and without any further one, holders that " +
		"follow the protocol deliver everything: nothing is stranded by a wake-up that got lost", modelBurst},
	{"Model/UnknownOutcomes", "the same holds when the answers of calls are lost and the calls repeated", modelLossy},
}

func modelBurst(c *check) { c.models(0) }
func modelLossy(c *check) { c.models(0.15) }

// models runs random lives, each in an account of its own. A failure tells
// what was done.
func (c *check) models(loss float64) {
	seeds := 2
	if c.h.Fake {
		seeds = 60
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		m := &model{check: c, rng: rng, account: fmt.Sprint("acct_", seed)}
		m.store = lossy{c.s, func() bool { return rng.Float64() < loss }}
		m.run()
		if c.Failed() {
			c.Fatalf("seed %d did this:\n%s", seed, strings.Join(m.done, "\n"))
		}
	}
}

// model is a random life of a few lanes and their holders, one step at a time.
type model struct {
	*check
	rng     *rand.Rand
	store   webhook.Store
	account string
	lanes   []webhook.Endpoint
	holders []*holder
	owed    int // deliveries that Append has promised
	done    []string
}

// holder is somebody who claimed a lane, and perhaps lost it.
type holder struct {
	webhook.Hold
	asked bool
	batch webhook.Batch
	hands []webhook.Delivery
	cut   []int64 // interrupted: not sent again under this token
}

func (m *model) note(format string, args ...any) {
	m.done = append(m.done, fmt.Sprintf(format, args...))
}

func (m *model) do(what string, f func() error, benign ...error) {
	m.Helper()
	if err := again(f, benign...); err != nil {
		m.Fatalf("%s: %v; after\n%s", what, err, strings.Join(m.done, "\n"))
	}
}

func (m *model) run() {
	m.Helper()
	for i := range 3 {
		m.lanes = append(m.lanes, m.endpoint(func(e *webhook.Endpoint) { e.Account, e.FIFO = m.account, i == 0 }))
	}
	for range 80 {
		m.step(14)
	}
	m.do("SetPause", func() error { return m.store.SetPause(m.ctx, pauseB, false) })
	for _, e := range m.lanes {
		if !m.look(e).Enabled {
			m.enable(e, true)
		}
	}
	for range 40 {
		m.step(9) // nothing that wakes lanes but appends
	}
	m.silence()
	m.judge()
}

// step does one of the first n things.
func (m *model) step(n int) {
	m.Helper()
	switch k := m.rng.IntN(n); k {
	case 0, 1:
		m.burst()
	case 2:
		m.claimSome()
	case 3, 4, 5:
		if h := m.pick(); h != nil {
			m.askFor(h)
		}
	case 6:
		if h := m.pick(); h != nil {
			m.report(h, 2)
		}
	case 7:
		if h := m.pick(); h != nil && h.asked && len(h.hands) == 0 {
			m.giveUp(h)
		}
	case 8:
		if h := m.pick(); h != nil && m.rng.IntN(3) == 0 {
			m.note("%v crashes", h.Hold)
			m.drop(h)
		}
		m.note("time passes")
		m.advance(0.4)
	case 9:
		on := m.rng.IntN(2) == 0
		m.note("pause of %s: %t", typeB, on)
		m.do("SetPause", func() error { return m.store.SetPause(m.ctx, pauseB, on) })
	default:
		m.edit(m.lanes[m.rng.IntN(len(m.lanes))])
	}
}

func (m *model) pick() *holder {
	if len(m.holders) == 0 {
		return nil
	}
	return m.holders[m.rng.IntN(len(m.holders))]
}

func (m *model) drop(h *holder) {
	m.holders = slices.DeleteFunc(m.holders, func(x *holder) bool { return x == h })
}

func (m *model) burst() {
	m.Helper()
	events := make([]eventRecord, m.rng.IntN(3)+1)
	for i := range events {
		events[i] = event(ofType([]string{typeA, typeB}[m.rng.IntN(2)]), func(e *eventRecord) { e.Account = m.account })
	}
	m.do("Append", func() error {
		out, err := m.store.Append(m.ctx, events)
		for _, a := range out {
			m.owed += a.Deliveries
		}
		return err
	})
	m.note("%d events", len(events))
}

func (m *model) claimSome() {
	m.Helper()
	lease := m.units([]float64{1, 6}[m.rng.IntN(2)])
	m.do("Claim", func() error {
		claims, _, err := m.store.Claim(m.ctx, m.rng.IntN(2)+1, lease)
		for _, x := range claims {
			m.note("%v is claimed for %v", x.Hold, lease)
			m.holders = append(m.holders, &holder{Hold: x.Hold})
		}
		return err
	})
}

// askFor asks for work, and forgets the holder if its lane is lost.
func (m *model) askFor(h *holder) {
	m.Helper()
	w := webhook.Want{Hold: h.Hold, Max: m.rng.IntN(3) + 1, Skip: append(ids(h.hands), h.cut...)}
	if slices.Contains(m.pauses().List, pauseB) {
		w.Exclude = []webhook.EventType{typeB}
	}
	var bs []webhook.Batch
	m.do("Due", func() (err error) { bs, err = m.store.Due(m.ctx, []webhook.Want{w}); return err })
	if len(bs) == 0 {
		m.note("%v is lost", h.Hold)
		if len(h.hands) == 0 || m.rng.IntN(2) == 0 {
			m.drop(h)
		}
		return
	}
	h.batch, h.asked = bs[0], true
	for _, d := range bs[0].Deliveries {
		if slices.Contains(w.Skip, d.ID) || d.Event == nil || slices.Contains(w.Exclude, d.Event.Type) {
			m.Errorf("Due for %+v returned %+v", w, d)
		}
	}
	h.hands = append(h.hands, bs[0].Deliveries...)
	m.note("%v gets %v, mark %d", h.Hold, ids(bs[0].Deliveries), bs[0].Mark)
}

// report settles the first delivery in the holder's hands, as one of three
// verdicts.
func (m *model) report(h *holder, retries int) {
	m.Helper()
	if len(h.hands) == 0 {
		return
	}
	d := h.hands[0]
	o := delivered(h.Hold, d)
	switch k := m.rng.IntN(4); {
	case k == 0 && d.Attempts < retries:
		o = retry(m.units(2*m.rng.Float64()))(h.Hold, d)
	case k == 1:
		o = dead(h.Hold, d)
	case k == 2 && m.rng.IntN(3) == 0:
		o = interrupted(h.Hold, d)
		h.cut = append(h.cut, d.ID)
	}
	h.hands = h.hands[1:]
	m.do("Settle", func() error { _, err := m.store.Settle(m.ctx, []webhook.Outcome{o}, nil); return err })
	m.note("%v reports %s of %d", h.Hold, o.State, d.ID)
	h.asked = false
}

// giveUp returns the lane as the last answer allows.
func (m *model) giveUp(h *holder) {
	m.Helper()
	r := webhook.Return{Hold: h.Hold, Mark: h.batch.Mark}
	if m.rng.IntN(3) == 0 {
		r.Mark = webhook.MarkAny
	}
	if m.rng.IntN(4) == 0 {
		r.Pause = m.units(1)
	}
	if p := m.pauses(); r.Mark != webhook.MarkAny && slices.Contains(p.List, pauseB) {
		r.Park, r.Exclude = p.Seq, []webhook.EventType{typeB}
		if m.rng.IntN(2) == 0 { // something may come between
			m.burst()
		}
	}
	m.returnLane(h, r)
}

func (m *model) returnLane(h *holder, r webhook.Return) {
	m.Helper()
	var s webhook.Settled
	m.do("Settle", func() (err error) { s, err = m.store.Settle(m.ctx, nil, []webhook.Return{r}); return err })
	m.note("%v returns %+v, refused %v", h.Hold, r, s.Refused)
	if h.asked = false; len(s.Refused) == 0 {
		m.drop(h)
	}
}

func (m *model) edit(e webhook.Endpoint) {
	m.Helper()
	now := m.look(e).Endpoint
	switch m.rng.IntN(3) {
	case 0:
		now.Enabled, now.DisabledBy = !now.Enabled, ""
		if !now.Enabled {
			now.DisabledBy = webhook.DisabledByCustomer
		}
	case 1:
		now.FIFO = !now.FIFO
	}
	m.do("PutEndpoint", func() error { _, err := m.store.PutEndpoint(m.ctx, now, 10); return err }, webhook.ErrConflict)
	m.note("edit of %s: enabled %t, FIFO %t", e.ID, now.Enabled, now.FIFO)
}

// silence lets holders go on without any further event, until all is done.
func (m *model) silence() {
	m.Helper()
	m.note("silence")
	var slept time.Duration
	for slept < m.units(60) {
		for _, h := range slices.Clone(m.holders) {
			for i := 0; i < 200 && slices.Contains(m.holders, h); i++ {
				m.askFor(h)
				if len(h.hands) == 0 && h.asked && slices.Contains(m.holders, h) {
					m.returnLane(h, webhook.Return{Hold: h.Hold, Mark: h.batch.Mark})
				}
				for len(h.hands) > 0 {
					m.report(h, 2)
				}
			}
		}
		m.holders = nil
		if st, err := m.s.Stats(m.ctx); err == nil && st.Pending == 0 {
			return
		}
		var next time.Duration
		m.do("Claim", func() error {
			claims, n, err := m.store.Claim(m.ctx, 10, m.units(2))
			next = n
			for _, x := range claims {
				m.note("%v is claimed", x.Hold)
				m.holders = append(m.holders, &holder{Hold: x.Hold})
			}
			return err
		})
		if len(m.holders) == 0 {
			next = max(next, time.Millisecond)
			m.h.Advance(next)
			slept += next
		}
	}
	m.Errorf("deliveries are stranded: in %v of silence nothing more became ready", slept)
}

// judge looks at what is stored in the end.
func (m *model) judge() {
	m.Helper()
	rs := m.log(webhook.DeliveryQuery{Account: m.account, Limit: 1000})
	undelivered := 0
	for _, r := range rs {
		counted, delivered := 0, 0
		for _, a := range r.Attempts {
			switch a.Result {
			case webhook.ResultDelivered:
				counted++
				delivered++
			case webhook.ResultFailed:
				counted++
			}
		}
		if r.Undelivered {
			undelivered++
		}
		if r.State == webhook.StatePending || (r.State == webhook.StateDelivered) != (delivered == 1) || counted > 5 {
			m.Errorf("in the end a delivery is %+v", r)
		}
	}
	if len(rs) < m.owed {
		m.Errorf("Append promised %d deliveries, the log has %d", m.owed, len(rs))
	}
	for _, e := range m.lanes {
		undelivered -= m.look(e).Health.Undelivered
	}
	if undelivered != 0 {
		m.Errorf("the log and the health disagree on the undelivered by %d", undelivered)
	}
}
