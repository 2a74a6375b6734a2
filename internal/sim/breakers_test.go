package sim

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/autoreach/webhook"
)

// The types of this file are stores without one of the guards of the contract.

type (
	bg       = context.Context
	outcomes = []webhook.Outcome
	returns  = []webhook.Return
)

// hooked is a store whose arguments and answers can be changed. Nil
// hooks change nothing.
type hooked struct {
	webhook.Store
	mu     sync.Mutex
	tokens map[string]int64 // of the last claims
	calls  int

	onClaim    func(h *hooked, n int, lease time.Duration) ([]webhook.Claim, time.Duration, error)
	onExtend   func(h *hooked, holds []webhook.Hold, lease time.Duration) ([]webhook.Hold, error)
	onDue      func(h *hooked, wants []webhook.Want) ([]webhook.Batch, error)
	onSettle   func(h *hooked, o outcomes, r returns) (webhook.Settled, error)
	onAppend   func(h *hooked, events []webhook.EventRecord) ([]webhook.Appended, error)
	onPut      func(h *hooked, e webhook.Endpoint, limit int) (webhook.Endpoint, error)
	onDelete   func(h *hooked, account, id string) error
	onPurge    func(h *hooked, ages webhook.Ages, n int) (int, error)
	onSetPause func(h *hooked, p webhook.Pause, on bool) error
}

// breaks returns a decorator that sets hooks. Whoever delivers from an exclusive
// store still locks it.
func breaks(set func(*hooked)) func(webhook.Store) webhook.Store {
	return func(s webhook.Store) webhook.Store {
		h := &hooked{Store: s, tokens: map[string]int64{}}
		set(h)
		if x, is := s.(webhook.Exclusive); is {
			return struct {
				webhook.Store
				webhook.Exclusive
			}{h, x}
		}
		return h
	}
}

func (h *hooked) Claim(ctx bg, n int, lease time.Duration) (claims []webhook.Claim, next time.Duration, err error) {
	if h.onClaim != nil {
		claims, next, err = h.onClaim(h, n, lease)
	} else {
		claims, next, err = h.Store.Claim(ctx, n, lease)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range claims {
		h.tokens[c.Endpoint] = c.Token
	}
	return claims, next, err
}

func (h *hooked) Extend(ctx bg, holds []webhook.Hold, lease time.Duration) ([]webhook.Hold, error) {
	if h.onExtend != nil {
		return h.onExtend(h, holds, lease)
	}
	return h.Store.Extend(ctx, holds, lease)
}

func (h *hooked) Due(ctx bg, wants []webhook.Want) ([]webhook.Batch, error) {
	if h.onDue != nil {
		return h.onDue(h, slices.Clone(wants))
	}
	return h.Store.Due(ctx, wants)
}

func (h *hooked) Settle(ctx bg, o outcomes, r returns) (webhook.Settled, error) {
	if h.onSettle != nil {
		return h.onSettle(h, slices.Clone(o), slices.Clone(r))
	}
	return h.Store.Settle(ctx, o, r)
}

func (h *hooked) Append(ctx bg, events []webhook.EventRecord) ([]webhook.Appended, error) {
	if h.onAppend != nil {
		return h.onAppend(h, slices.Clone(events))
	}
	return h.Store.Append(ctx, events)
}

func (h *hooked) PutEndpoint(ctx bg, e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
	if h.onPut != nil {
		return h.onPut(h, e, limit)
	}
	return h.Store.PutEndpoint(ctx, e, limit)
}

func (h *hooked) DeleteEndpoint(ctx bg, account, id string) error {
	if h.onDelete != nil {
		return h.onDelete(h, account, id)
	}
	return h.Store.DeleteEndpoint(ctx, account, id)
}

func (h *hooked) Purge(ctx bg, ages webhook.Ages, n int) (int, error) {
	if h.onPurge != nil {
		return h.onPurge(h, ages, n)
	}
	return h.Store.Purge(ctx, ages, n)
}

func (h *hooked) SetPause(ctx bg, p webhook.Pause, on bool) error {
	if h.onSetPause != nil {
		return h.onSetPause(h, p, on)
	}
	return h.Store.SetPause(ctx, p, on)
}

// token is the lane's present one.
func (h *hooked) token(endpoint string) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tokens[endpoint]
}

// every counts calls and says whether this is one of every n.
func (h *hooked) every(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	return h.calls%n == 0
}

// mark is a held lane's present one.
func (h *hooked) mark(hold webhook.Hold) (int64, bool) {
	b, _ := h.Store.Due(context.Background(), []webhook.Want{{Hold: hold}})
	if len(b) == 0 {
		return 0, false
	}
	return b[0].Mark, true
}

func (h *hooked) pauseSeq() int64 {
	p, _ := h.Store.Pauses(context.Background())
	return p.Seq
}

// attempts is how many a delivery has.
func (h *hooked) attempts(account string, id int64) int {
	n := 0
	found, _ := h.Store.Deliveries(context.Background(), webhook.DeliveryQuery{Account: account, IDs: []int64{id}})
	for _, r := range found {
		for _, a := range r.Attempts {
			if a.Result == webhook.ResultFailed || a.Result == webhook.ResultDelivered {
				n = max(n, a.N)
			}
		}
	}
	return n
}

// settle is the real one.
func (h *hooked) settle(o outcomes, r returns) (webhook.Settled, error) {
	return h.Store.Settle(context.Background(), o, r)
}

// due is the real one.
func (h *hooked) due(wants []webhook.Want) ([]webhook.Batch, error) {
	return h.Store.Due(context.Background(), wants)
}

// outcomesAs changes every outcome.
func outcomesAs(f func(*hooked, *webhook.Outcome)) func(*hooked, outcomes, returns) (webhook.Settled, error) {
	return func(h *hooked, o outcomes, r returns) (webhook.Settled, error) {
		for i := range o {
			f(h, &o[i])
		}
		return h.settle(o, r)
	}
}

// returnsAs changes every return.
func returnsAs(f func(*hooked, *webhook.Return)) func(*hooked, outcomes, returns) (webhook.Settled, error) {
	return func(h *hooked, o outcomes, r returns) (webhook.Settled, error) {
		original := slices.Clone(r)
		for i := range r {
			f(h, &r[i])
		}
		out, err := h.settle(o, r)
		for i := range out.Refused {
			for j := range r {
				if r[j].Hold == out.Refused[i] {
					out.Refused[i] = original[j].Hold
				}
			}
		}
		return out, err
	}
}

// wantsAs changes every want, and answers for the holds as they were.
func wantsAs(f func(*hooked, *webhook.Want)) func(*hooked, []webhook.Want) ([]webhook.Batch, error) {
	return func(h *hooked, wants []webhook.Want) ([]webhook.Batch, error) {
		var out []webhook.Batch
		for _, w := range wants { // one by one: two may become the same
			hold := w.Hold
			f(h, &w)
			b, err := h.due([]webhook.Want{w})
			if err != nil {
				return nil, err
			}
			for i := range b {
				b[i].Hold = hold
			}
			out = append(out, b...)
		}
		return out, nil
	}
}
