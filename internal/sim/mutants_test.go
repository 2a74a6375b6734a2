package sim

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// mutant is a store without one guard, and the promises that this breaks: each
// of them must be found broken within some seeds.
type mutant struct {
	name  string
	finds []string
	set   func(*hooked)
}

var mutants = []mutant{
	{"stale tokens settle", []string{"settle"}, func(h *hooked) {
		h.onSettle = outcomesAs(func(h *hooked, o *webhook.Outcome) { o.Token = h.token(o.Endpoint) })
	}},
	{"stale tokens return lanes", []string{"return"}, func(h *hooked) {
		h.onSettle = returnsAs(func(h *hooked, r *webhook.Return) { r.Token = h.token(r.Endpoint) })
	}},
	{"stale tokens are handed deliveries", []string{"handed-out"}, func(h *hooked) {
		h.onDue = wantsAs(func(h *hooked, w *webhook.Want) { w.Token = h.token(w.Endpoint) })
	}},
	{"Extend always succeeds", []string{"extend"}, func(h *hooked) {
		h.onExtend = func(h *hooked, holds []webhook.Hold, lease time.Duration) ([]webhook.Hold, error) {
			_, err := h.Store.Extend(context.Background(), holds, lease)
			return nil, err
		}
	}},
	{"lanes that are not held are handed out", []string{"handed-out"}, func(h *hooked) { h.onDue = dueOfAnyLane }},
	{"Extend says nil and does nothing", []string{"claim"}, func(h *hooked) {
		h.onExtend = func(*hooked, []webhook.Hold, time.Duration) ([]webhook.Hold, error) { return nil, nil }
	}},
	{"a disable forgets the lease that its holder has", []string{"claim"}, func(h *hooked) {
		h.onPut = func(h *hooked, e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
			if !e.Enabled {
				_, _ = h.Store.Extend(context.Background(), []webhook.Hold{{Endpoint: e.ID, Token: h.token(e.ID)}}, 0)
			}
			return h.Store.PutEndpoint(context.Background(), e, limit)
		}
	}},
	{"leases end early", []string{"claim"}, func(h *hooked) {
		h.onClaim = func(h *hooked, n int, lease time.Duration) ([]webhook.Claim, time.Duration, error) {
			return h.Store.Claim(context.Background(), n, lease/4)
		}
	}},
	{"After is ignored", []string{"settle"}, func(h *hooked) {
		h.onSettle = outcomesAs(func(h *hooked, o *webhook.Outcome) {
			if o.State != webhook.StateDelivered && o.Attempt != nil {
				for _, account := range []string{"acct_0", "acct_1"} {
					o.After = max(o.After, h.attempts(account, o.Delivery))
				}
			}
		})
	}},
	{"outcomes are applied twice", []string{"history", "handed-out"}, func(h *hooked) {
		h.onSettle = func(h *hooked, o outcomes, r returns) (webhook.Settled, error) {
			out, err := h.settle(o, nil)
			for i := range o {
				o[i].After++
			}
			_, _ = h.settle(o, nil)
			back, _ := h.settle(nil, r)
			out.Refused = back.Refused
			return out, err
		}
	}},
	{"late 2xx are dropped", []string{"settle"}, func(h *hooked) {
		h.onSettle = outcomesAs(func(h *hooked, o *webhook.Outcome) {
			if o.State == webhook.StateDelivered && o.Token != h.token(o.Endpoint) {
				o.Delivery = 0
			}
		})
	}},
	{"attempts that were cut off count", []string{"handed-out", "history"}, func(h *hooked) {
		h.onSettle = outcomesAs(func(h *hooked, o *webhook.Outcome) {
			if o.Attempt != nil && o.Attempt.Result == webhook.ResultInterrupted {
				a := *o.Attempt
				a.Result, o.Attempt = webhook.ResultFailed, &a
			}
		})
	}},
	{"history is forgotten", []string{"history", "hours", "handed-out"}, func(h *hooked) {
		h.onSettle = outcomesAs(func(_ *hooked, o *webhook.Outcome) {
			if o.State == webhook.StatePending && o.Attempt.Result == webhook.ResultFailed {
				o.Attempt = nil
			}
		})
	}},
	{"retries come early", []string{"early"}, func(h *hooked) {
		h.onSettle = outcomesAs(func(_ *hooked, o *webhook.Outcome) { o.Delay /= 2 })
	}},
	{"marks are ignored", []string{"mark"}, func(h *hooked) {
		h.onSettle = returnsAs(func(h *hooked, r *webhook.Return) {
			if m, held := h.mark(r.Hold); held && r.Mark != webhook.MarkAny {
				r.Mark = m
			}
		})
	}},
	{"a stale mark puts the lane to sleep", []string{"stranded", "waiting"}, sleepy},
	{"wakes get lost", []string{"stranded", "waiting"}, func(h *hooked) {
		h.onClaim = func(h *hooked, n int, lease time.Duration) ([]webhook.Claim, time.Duration, error) {
			claims, next, err := h.Store.Claim(context.Background(), n, lease)
			return slices.DeleteFunc(claims, func(c webhook.Claim) bool {
				if !h.every(20) {
					return false
				}
				_, _ = h.settle(nil, returns{{Hold: c.Hold, Mark: webhook.MarkAny, Park: h.pauseSeq(), Pace: c.Pace}})
				return true // as if it had never become ready
			}), next, err
		}
	}},
	{"pauses of lanes are forgotten", []string{"pause"}, func(h *hooked) {
		h.onSettle = returnsAs(func(_ *hooked, r *webhook.Return) { r.Pause = 0 })
	}},
	{"Park is not judged", []string{"park"}, parked},
	{"Exclude is dropped", []string{"operator"}, func(h *hooked) {
		h.onDue = wantsAs(func(_ *hooked, w *webhook.Want) { w.Exclude = nil })
	}},
	{"Skip is dropped", []string{"in-hand"}, func(h *hooked) {
		h.onDue = wantsAs(func(_ *hooked, w *webhook.Want) { w.Skip = nil })
	}},
	{"more is handed out than wanted", []string{"handed-out"}, func(h *hooked) {
		h.onDue = wantsAs(func(_ *hooked, w *webhook.Want) { w.Max += 3 })
	}},
	{"edits are not told to holders", []string{"signature"}, func(h *hooked) {
		h.onDue = func(h *hooked, wants []webhook.Want) ([]webhook.Batch, error) {
			out, err := h.due(wants)
			for i := range out {
				out[i].Config = nil
			}
			return out, err
		}
	}},
	{"bytes are changed", []string{"bytes"}, func(h *hooked) {
		h.onDue = func(h *hooked, wants []webhook.Want) ([]webhook.Batch, error) {
			out, err := h.due(wants)
			for i := range out {
				for j, d := range out[i].Deliveries {
					if d.Event != nil && h.every(10) {
						e := *d.Event
						e.Body = append(slices.Clone(e.Body), ' ')
						out[i].Deliveries[j].Event = &e
					}
				}
			}
			return out, err
		}
	}},
	{"FIFO is forgotten", []string{"fifo"}, func(h *hooked) {
		h.onPut = func(h *hooked, e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
			fifo := e.FIFO
			e.FIFO = false
			out, err := h.Store.PutEndpoint(context.Background(), e, limit)
			out.FIFO = fifo
			return out, err
		}
	}},
	{"a disabled endpoint goes on", []string{"claim", "handed-out", "off"}, func(h *hooked) {
		h.onPut = func(h *hooked, e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
			on := e.Enabled
			e.Enabled = true
			out, err := h.Store.PutEndpoint(context.Background(), e, limit)
			out.Enabled = on
			return out, err
		}
	}},
	{"a deleted endpoint goes on", []string{"claim", "handed-out"}, func(h *hooked) {
		h.onDelete = func(*hooked, string, string) error { return nil }
	}},
	{"keys are forgotten", []string{"idempotence"}, func(h *hooked) {
		h.onAppend = appendAs(func(h *hooked, e *webhook.EventRecord) { e.Key = "" })
	}},
	{"IDs are forgotten", []string{"idempotence"}, func(h *hooked) {
		h.onAppend = appendAs(func(h *hooked, e *webhook.EventRecord) { e.ID += "x" + time.Now().String() })
	}},
	{"a refused append is stored", []string{"ghost"}, func(h *hooked) {
		h.onAppend = func(h *hooked, events []webhook.EventRecord) ([]webhook.Appended, error) {
			out, err := h.Store.Append(context.Background(), events)
			if err == nil && h.every(10) && events[0].Key == "" {
				return nil, webhook.ErrFull
			}
			return out, err
		}
	}},
	{"an append is stored twice", []string{"ghost", "fan-out"}, func(h *hooked) {
		h.onAppend = func(h *hooked, events []webhook.EventRecord) ([]webhook.Appended, error) {
			out, err := h.Store.Append(context.Background(), events)
			if err == nil {
				for i := range events {
					events[i].ID, events[i].Key = events[i].ID+"-2", ""
				}
				_, _ = h.Store.Append(context.Background(), events)
			}
			return out, err
		}
	}},
	{"an append says nil and is not stored", []string{"fan-out", "durable"}, func(h *hooked) {
		h.onAppend = func(h *hooked, events []webhook.EventRecord) ([]webhook.Appended, error) {
			if !h.every(10) {
				return h.Store.Append(context.Background(), events)
			}
			out := make([]webhook.Appended, len(events))
			for i, e := range events {
				out[i].ID = e.ID
			}
			return out, nil
		}
	}},
	{"Purge expires too early", []string{"reason"}, func(h *hooked) {
		h.onPurge = func(h *hooked, ages webhook.Ages, n int) (int, error) {
			ages.Pending /= 20
			return h.Store.Purge(context.Background(), ages, n)
		}
	}},
	{"Purge forgets what is needed", []string{"health", "undelivered", "history", "fan-out"}, func(h *hooked) {
		h.onPurge = func(h *hooked, ages webhook.Ages, n int) (int, error) {
			ages.Log = time.Second
			return h.Store.Purge(context.Background(), ages, n)
		}
	}},
	{"lifting a pause wakes nobody", []string{"stranded", "waiting"}, func(h *hooked) {
		h.onSettle = returnsAs(func(h *hooked, r *webhook.Return) {
			if r.Park != 0 && r.Park == h.pauseSeq() && len(r.Exclude) == 0 {
				r.Pause = 24 * time.Hour
			}
		})
	}},
}

// parked accepts a Park that was judged by pauses of the past.
func parked(h *hooked) {
	h.onSettle = returnsAs(func(h *hooked, r *webhook.Return) {
		if r.Park != 0 {
			r.Park = h.pauseSeq()
		}
	})
}

// sleepy accepts a stale mark, and lets the lane sleep as if nothing had come
// in since: what a store does that looks before it locks.
func sleepy(h *hooked) {
	h.onSettle = returnsAs(func(h *hooked, r *webhook.Return) {
		if m, held := h.mark(r.Hold); held && r.Mark != webhook.MarkAny && r.Mark != m {
			r.Mark, r.Pause = m, 24*time.Hour
		}
	})
}

func appendAs(f func(*hooked, *webhook.EventRecord)) func(*hooked, []webhook.EventRecord) ([]webhook.Appended, error) {
	return func(h *hooked, events []webhook.EventRecord) ([]webhook.Appended, error) {
		for i := range events {
			f(h, &events[i])
		}
		return h.Store.Append(context.Background(), events)
	}
}

// dueOfAnyLane hands deliveries out to whoever asks, by the log.
func dueOfAnyLane(h *hooked, wants []webhook.Want) ([]webhook.Batch, error) {
	out, err := h.due(wants)
	for _, w := range wants {
		if slices.ContainsFunc(out, func(b webhook.Batch) bool { return b.Hold == w.Hold }) {
			continue
		}
		for _, account := range []string{"acct_0", "acct_1"} {
			found, _ := h.Store.Deliveries(context.Background(), webhook.DeliveryQuery{
				Account: account, Endpoint: w.Endpoint, States: []webhook.State{webhook.StatePending}, Limit: w.Max, Body: true})
			b := webhook.Batch{Hold: w.Hold}
			for _, r := range found {
				if !r.NextAt.After(time.Now()) && !slices.Contains(w.Skip, r.ID) {
					b.Deliveries = append(b.Deliveries, webhook.Delivery{ID: r.ID, Attempts: h.attempts(account, r.ID), Resend: r.Resend,
						Event: &webhook.EventRecord{ID: r.Event, Account: account, Type: r.Type, Body: r.Body}})
				}
			}
			if len(b.Deliveries) > 0 {
				out = append(out, b)
			}
		}
	}
	return out, err
}

// mutantSeeds is how many seeds a mutant may survive.
const mutantSeeds = 40

// TestMutants: whichever guard of the contract is switched off, some promise
// is found broken.
func TestMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			t.Log(m.seek(t, NewPlan))
		})
	}
}

// seek runs seeds until what the mutant breaks is found, and says what was.
func (m *mutant) seek(t *testing.T, plan func(uint64) *Plan) (found []string) {
	t.Helper()
	all := map[string]int{}
	for seed := uint64(1); seed <= mutantSeeds; seed++ {
		r := run(t, plan(seed), breaks(m.set))
		for name, n := range r.Broken {
			all[name] += n
		}
		if slices.ContainsFunc(m.finds, func(name string) bool { return all[name] > 0 }) {
			return slices.Sorted(maps.Keys(all))
		}
	}
	t.Errorf("%s: nothing of %q was found broken in %d seeds, but %v", m.name, m.finds, mutantSeeds, all)
	return nil
}
