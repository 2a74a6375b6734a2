package storetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/autoreach/webhook"
)

// hooked is a store in which a mutation has replaced some methods. It keeps
// in mind the lanes' last tokens and the endpoints' accounts.
type hooked struct {
	webhook.Store
	mu       sync.Mutex
	tokens   map[string]int64
	accounts map[string]string

	put     func(webhook.Endpoint, int) (webhook.Endpoint, error)
	remove  func(account, id string) error
	list    func(webhook.EndpointQuery) ([]webhook.EndpointRecord, error)
	add     func([]eventRecord) ([]webhook.Appended, error)
	claim   func(int, time.Duration) ([]webhook.Claim, time.Duration, error)
	due     func([]webhook.Want) ([]webhook.Batch, error)
	extend  func([]webhook.Hold, time.Duration) ([]webhook.Hold, error)
	settle  func([]webhook.Outcome, []webhook.Return) (webhook.Settled, error)
	log     func(webhook.DeliveryQuery) ([]webhook.DeliveryRecord, error)
	resend  func(account string, id int64, op string) (int64, error)
	recover func(webhook.DeliveryQuery) (int, error)
	dismiss func(webhook.DeliveryQuery) (int, error)
	purge   func(webhook.Ages, int) (int, error)
	erase   func(webhook.Erasure, int) (int, error)
	pauses  func() (webhook.Pauses, error)
}

var ctx = context.Background()

func (h *hooked) PutEndpoint(_ context.Context, e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
	h.mu.Lock()
	if e.Version == 0 {
		h.accounts[e.ID] = e.Account
	}
	h.mu.Unlock()
	if h.put != nil {
		return h.put(e, limit)
	}
	return h.Store.PutEndpoint(ctx, e, limit)
}

func (h *hooked) DeleteEndpoint(_ context.Context, account, id string) error {
	if h.remove != nil {
		return h.remove(account, id)
	}
	return h.Store.DeleteEndpoint(ctx, account, id)
}

func (h *hooked) Endpoints(_ context.Context, q webhook.EndpointQuery) ([]webhook.EndpointRecord, error) {
	if h.list != nil {
		return h.list(q)
	}
	return h.Store.Endpoints(ctx, q)
}

func (h *hooked) Append(c context.Context, events []eventRecord) ([]webhook.Appended, error) {
	if h.add != nil {
		return h.add(events)
	}
	return h.Store.Append(c, events)
}

func (h *hooked) Claim(_ context.Context, n int, lease time.Duration) (claims []webhook.Claim, next time.Duration, err error) {
	if h.claim != nil {
		claims, next, err = h.claim(n, lease)
	} else {
		claims, next, err = h.Store.Claim(ctx, n, lease)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range claims {
		h.tokens[x.Endpoint] = x.Token
	}
	return claims, next, err
}

// token is the last one that the lane was claimed with.
func (h *hooked) token(id string) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tokens[id]
}

func (h *hooked) Due(_ context.Context, wants []webhook.Want) ([]webhook.Batch, error) {
	if h.due != nil {
		return h.due(wants)
	}
	return h.Store.Due(ctx, wants)
}

func (h *hooked) Extend(_ context.Context, hs []webhook.Hold, lease time.Duration) ([]webhook.Hold, error) {
	if h.extend != nil {
		return h.extend(hs, lease)
	}
	return h.Store.Extend(ctx, hs, lease)
}

func (h *hooked) Settle(_ context.Context, o []webhook.Outcome, r []webhook.Return) (webhook.Settled, error) {
	if h.settle != nil {
		return h.settle(o, r)
	}
	return h.Store.Settle(ctx, o, r)
}

func (h *hooked) Deliveries(_ context.Context, q webhook.DeliveryQuery) ([]webhook.DeliveryRecord, error) {
	if h.log != nil {
		return h.log(q)
	}
	return h.Store.Deliveries(ctx, q)
}

func (h *hooked) Resend(_ context.Context, account string, id int64, op string) (int64, error) {
	if h.resend != nil {
		return h.resend(account, id, op)
	}
	return h.Store.Resend(ctx, account, id, op)
}

func (h *hooked) Recover(_ context.Context, q webhook.DeliveryQuery) (int, error) {
	if h.recover != nil {
		return h.recover(q)
	}
	return h.Store.Recover(ctx, q)
}

func (h *hooked) Dismiss(_ context.Context, q webhook.DeliveryQuery) (int, error) {
	if h.dismiss != nil {
		return h.dismiss(q)
	}
	return h.Store.Dismiss(ctx, q)
}

func (h *hooked) Purge(_ context.Context, ages webhook.Ages, n int) (int, error) {
	if h.purge != nil {
		return h.purge(ages, n)
	}
	return h.Store.Purge(ctx, ages, n)
}

func (h *hooked) Erase(_ context.Context, e webhook.Erasure, n int) (int, error) {
	if h.erase != nil {
		return h.erase(e, n)
	}
	return h.Store.Erase(ctx, e, n)
}

func (h *hooked) Pauses(context.Context) (webhook.Pauses, error) {
	if h.pauses != nil {
		return h.pauses()
	}
	return h.Store.Pauses(ctx)
}

// outcomes rewrites each outcome before it is settled.
func (h *hooked) outcomes(f func(webhook.Outcome) webhook.Outcome) {
	h.settle = func(o []webhook.Outcome, r []webhook.Return) (webhook.Settled, error) {
		o = slices.Clone(o)
		for i := range o {
			o[i] = f(o[i])
		}
		return h.Store.Settle(ctx, o, r)
	}
}

// returning rewrites each return before it is settled.
func (h *hooked) returning(f func(webhook.Return) webhook.Return) {
	h.settle = func(o []webhook.Outcome, r []webhook.Return) (webhook.Settled, error) {
		r = slices.Clone(r)
		for i := range r {
			r[i] = f(r[i])
		}
		return h.Store.Settle(ctx, o, r)
	}
}

// wants rewrites each want before it is answered.
func (h *hooked) wants(f func(*webhook.Want)) {
	h.due = func(wants []webhook.Want) ([]webhook.Batch, error) {
		wants = slices.Clone(wants)
		for i := range wants {
			f(&wants[i])
		}
		return h.Store.Due(ctx, wants)
	}
}

// current gives outcomes the present token of their lanes.
func (h *hooked) current(o []webhook.Outcome) []webhook.Outcome {
	o = slices.Clone(o)
	for i := range o {
		o[i].Token = h.token(o[i].Endpoint)
	}
	return o
}

// freshMark gives a return the present mark of its lane.
func (h *hooked) freshMark(r webhook.Return) webhook.Return {
	bs, _ := h.Store.Due(ctx, []webhook.Want{{Hold: r.Hold, Max: 1}})
	if r.Mark != webhook.MarkAny && len(bs) == 1 {
		r.Mark = bs[0].Mark
	}
	return r
}

// ownKeys looks keys up before it appends, in all accounts or one.
func (h *hooked) ownKeys(shared bool) {
	used := map[string]webhook.Appended{}
	h.add = func(events []eventRecord) ([]webhook.Appended, error) {
		events = slices.Clone(events)
		out := make([]webhook.Appended, len(events))
		for i, e := range events {
			key := e.Key
			if key != "" && !shared {
				key += e.Account
			}
			h.mu.Lock()
			first, ok := used[key]
			h.mu.Unlock()
			if ok && key != "" {
				first.Duplicate = true
				out[i] = first
				continue
			}
			time.Sleep(time.Millisecond)
			e.Key = ""
			a, err := h.Store.Append(ctx, []eventRecord{e})
			if err != nil {
				return nil, err
			}
			out[i] = a[0]
			h.mu.Lock()
			used[key] = a[0]
			h.mu.Unlock()
		}
		return out, nil
	}
}
