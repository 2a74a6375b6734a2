package storetest

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/autoreach/webhook"
)

// mutants are stores that break one rule each, with the case that notices.
var mutants = []struct {
	name   string
	caught string
	mutate func(h *hooked)
}{
	{"takes any token for the present one", "Settle/StaleRetryDropped", func(h *hooked) {
		h.settle = func(o []webhook.Outcome, r []webhook.Return) (webhook.Settled, error) {
			return h.Store.Settle(ctx, h.current(o), r)
		}
	}},
	{"answers Due for any token", "Due/NotHeldIsLeftOut", func(h *hooked) {
		h.due = func(wants []webhook.Want) ([]webhook.Batch, error) {
			for i, w := range slices.Clone(wants) {
				wants[i].Token = h.token(w.Endpoint)
			}
			return h.Store.Due(ctx, wants)
		}
	}},
	{"extends by any token", "Extend/NeverSteals", func(h *hooked) {
		h.extend = func(hs []webhook.Hold, lease time.Duration) ([]webhook.Hold, error) {
			hs = slices.Clone(hs)
			for i := range hs {
				hs[i].Token = h.token(hs[i].Endpoint)
			}
			return h.Store.Extend(ctx, hs, lease)
		}
	}},
	{"ignores the mark", "Return/StaleMarkRefused", func(h *hooked) { h.returning(h.freshMark) }},
	{"goes to sleep on a stale mark", "Model/BurstThenSilence", func(h *hooked) {
		h.returning(func(r webhook.Return) webhook.Return {
			if fresh := h.freshMark(r); fresh.Mark != r.Mark {
				r.Mark, r.Pause = webhook.MarkAny, 1000*time.Hour
			}
			return r
		})
	}},
	{"forgets the attempt number", "Settle/RetryCompareAndSet", func(h *hooked) {
		h.outcomes(func(o webhook.Outcome) webhook.Outcome {
			rs, _ := h.Store.Deliveries(ctx, webhook.DeliveryQuery{Account: h.accounts[o.Endpoint], IDs: []int64{o.Delivery}})
			if o.Attempt == nil && len(rs) == 1 {
				o.After = len(rs[0].Attempts)
			}
			return o
		})
	}},
	{"loses a wake", "Append/ReadyAtOnce", func(h *hooked) {
		n := 0
		h.add = func(events []eventRecord) ([]webhook.Appended, error) {
			out, err := h.Store.Append(ctx, events)
			if n++; n == 2 {
				claims, _, _ := h.Store.Claim(ctx, 100, time.Hour)
				for _, x := range claims {
					_, _ = h.Store.Settle(ctx, nil, []webhook.Return{{Hold: x.Hold, Mark: webhook.MarkAny, Pause: time.Hour}})
				}
			}
			return out, err
		}
	}},
	{"cuts a lease short when work comes", "Claim/OneHolderUntilLeaseEnds", func(h *hooked) {
		h.add = func(events []eventRecord) ([]webhook.Appended, error) {
			out, err := h.Store.Append(ctx, events)
			for id, token := range h.tokens {
				_, _ = h.Store.Extend(ctx, []webhook.Hold{{Endpoint: id, Token: token}}, 0)
			}
			return out, err
		}
	}},
	{"hands out the lanes that became ready last", "Claim/LongestReadyFirst", func(h *hooked) {
		h.claim = func(n int, lease time.Duration) ([]webhook.Claim, time.Duration, error) {
			claims, next, err := h.Store.Claim(ctx, 100, lease)
			for len(claims) > n {
				_, _ = h.Store.Settle(ctx, nil, []webhook.Return{{Hold: claims[0].Hold, Mark: webhook.MarkAny}})
				claims, next = claims[1:], 0
			}
			return claims, next, err
		}
	}},
	{"lets the caller oversleep", "Claim/NextIsUpperBound", func(h *hooked) {
		h.claim = func(n int, lease time.Duration) ([]webhook.Claim, time.Duration, error) {
			claims, next, err := h.Store.Claim(ctx, n, lease)
			return claims, next * 10, err
		}
	}},
	{"lets the caller spin", "Claim/NextIsZeroWhenMoreAreReady", func(h *hooked) {
		h.claim = func(n int, lease time.Duration) ([]webhook.Claim, time.Duration, error) {
			claims, _, err := h.Store.Claim(ctx, n, lease)
			return claims, 0, err
		}
	}},
	{"makes retries due early", "Due/NeverEarly", func(h *hooked) {
		h.outcomes(func(o webhook.Outcome) webhook.Outcome { o.Delay /= 3; return o })
	}},
	{"ignores Skip", "Due/SkipHonoured", func(h *hooked) { h.wants(func(w *webhook.Want) { w.Skip = nil }) }},
	{"ignores Exclude", "Due/ExcludeHonoured", func(h *hooked) { h.wants(func(w *webhook.Want) { w.Exclude = nil }) }},
	{"hands out one too many", "Due/Max", func(h *hooked) { h.wants(func(w *webhook.Want) { w.Max++ }) }},
	{"never tells of an edit", "Due/ConfigWhenChanged", func(h *hooked) {
		h.due = func(wants []webhook.Want) ([]webhook.Batch, error) {
			bs, err := h.Store.Due(ctx, wants)
			for i := range bs {
				bs[i].Config = nil
			}
			return bs, err
		}
	}},
	{"loses the signing key", "PutEndpoint/RoundTrip", func(h *hooked) {
		h.put = func(e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
			e.SigningKey = ""
			return h.Store.PutEndpoint(ctx, e, limit)
		}
	}},
	{"hides lost lanes from their holder", "Extend/LostReported", func(h *hooked) {
		h.extend = func(hs []webhook.Hold, lease time.Duration) ([]webhook.Hold, error) {
			_, err := h.Store.Extend(ctx, hs, lease)
			return nil, err
		}
	}},
	{"drops a stale holder's 2xx", "Settle/StaleDeliveredApplied", func(h *hooked) {
		h.outcomes(func(o webhook.Outcome) webhook.Outcome {
			if o.Token != h.token(o.Endpoint) {
				o.Delivery = -1
			}
			return o
		})
	}},
	{"records an attempt twice", "Settle/HistoryExactlyOnce", func(h *hooked) {
		h.settle = func(o []webhook.Outcome, r []webhook.Return) (webhook.Settled, error) {
			s, err := h.Store.Settle(ctx, o, r)
			again := slices.Clone(o)
			for i := range again {
				again[i].Token--
			}
			_, _ = h.Store.Settle(ctx, again, nil)
			return s, err
		}
	}},
	{"keeps the last attempt only", "Settle/HistoryExactlyOnce", func(h *hooked) {
		h.log = func(q webhook.DeliveryQuery) ([]webhook.DeliveryRecord, error) {
			rs, err := h.Store.Deliveries(ctx, q)
			for i := range rs {
				rs[i].Attempts = rs[i].Attempts[max(0, len(rs[i].Attempts)-1):]
			}
			return rs, err
		}
	}},
	{"counts an interrupted attempt", "Settle/InterruptedChangesNothing", func(h *hooked) {
		h.outcomes(func(o webhook.Outcome) webhook.Outcome {
			if a := o.Attempt; a != nil && a.Result == webhook.ResultInterrupted {
				b := *a
				b.Result = webhook.ResultFailed
				o.Attempt = &b
			}
			return o
		})
	}},
	{"disables whatever version there is", "Changes/DisableOnlySentVersion", func(h *hooked) {
		h.outcomes(func(o webhook.Outcome) webhook.Outcome {
			rs, _ := h.Store.Endpoints(ctx, webhook.EndpointQuery{Account: h.accounts[o.Endpoint], ID: o.Endpoint})
			o.Version = rs[0].Version
			return o
		})
	}},
	{"writes the health into the endpoint", "Health/KeepsVersion", func(h *hooked) {
		h.settle = func(o []webhook.Outcome, r []webhook.Return) (webhook.Settled, error) {
			s, err := h.Store.Settle(ctx, o, r)
			for _, o := range o {
				rs, _ := h.Store.Endpoints(ctx, webhook.EndpointQuery{Account: h.accounts[o.Endpoint], ID: o.Endpoint})
				_, _ = h.Store.PutEndpoint(ctx, rs[0].Endpoint, 0)
			}
			return s, err
		}
	}},
	{"forgets the pause", "Return/PauseHolds", func(h *hooked) {
		h.returning(func(r webhook.Return) webhook.Return { r.Pause = 0; return r })
	}},
	{"forgets the pace", "Claim/ConfigAndPace", func(h *hooked) {
		h.returning(func(r webhook.Return) webhook.Return { r.Pace = nil; return r })
	}},
	{"parks by pauses of the past", "Park/StaleSeqRefused", func(h *hooked) {
		h.returning(func(r webhook.Return) webhook.Return {
			if p, _ := h.Store.Pauses(ctx); r.Park != 0 {
				r.Park = p.Seq
			}
			return r
		})
	}},
	{"does not number the pauses", "Pauses/SeqGrows", func(h *hooked) {
		h.pauses = func() (webhook.Pauses, error) {
			p, err := h.Store.Pauses(ctx)
			p.Seq = 1
			return p, err
		}
	}},
	{"forgets the account of a deletion", "Accounts/ForeignIsNotFound", func(h *hooked) {
		h.remove = func(_, id string) error { return h.Store.DeleteEndpoint(ctx, h.accounts[id], id) }
	}},
	{"forgets the account of a query", "Accounts/ForeignIsNotFound", func(h *hooked) {
		h.log = func(q webhook.DeliveryQuery) ([]webhook.DeliveryRecord, error) {
			if owner := h.accounts[q.Endpoint]; owner != "" {
				q.Account = owner
			}
			return h.Store.Deliveries(ctx, q)
		}
	}},
	{"forgets the account of a resend", "Resend/NotFound", func(h *hooked) {
		h.resend = func(a string, id int64, op string) (int64, error) {
			for _, owner := range h.accounts {
				if n, err := h.Store.Resend(ctx, owner, id, op); err == nil {
					return n, nil
				}
			}
			return h.Store.Resend(ctx, a, id, op)
		}
	}},
	{"swallows a conflict", "PutEndpoint/StaleVersion", func(h *hooked) {
		h.put = func(e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
			out, err := h.Store.PutEndpoint(ctx, e, limit)
			if errors.Is(err, webhook.ErrConflict) {
				return e, nil
			}
			return out, err
		}
	}},
	{"counts endpoints before it creates one", "PutEndpoint/LimitConcurrent", func(h *hooked) {
		h.put = func(e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
			if rs, _ := h.Store.Endpoints(ctx, webhook.EndpointQuery{Account: e.Account}); len(rs) >= limit {
				return e, webhook.ErrLimit
			}
			time.Sleep(time.Millisecond)
			return h.Store.PutEndpoint(ctx, e, 1000)
		}
	}},
	{"looks a key up before it uses it", "Append/DuplicateKeyConcurrent", func(h *hooked) { h.ownKeys(false) }},
	{"shares keys among accounts", "Append/KeyPerAccount", func(h *hooked) { h.ownKeys(true) }},
	{"mends what is not UTF-8", "Append/BytesIdentical", func(h *hooked) {
		h.add = func(events []eventRecord) ([]webhook.Appended, error) {
			events = slices.Clone(events)
			for i := range events {
				events[i].Body = bytes.ToValidUTF8(events[i].Body, nil)
			}
			return h.Store.Append(ctx, events)
		}
	}},
	{"appends a batch one by one", "Append/AllOrNone", func(h *hooked) {
		h.add = func(events []eventRecord) (out []webhook.Appended, err error) {
			for _, e := range events {
				a, err := h.Store.Append(ctx, []eventRecord{e})
				if err != nil {
					return nil, err
				}
				out = append(out, a...)
				time.Sleep(time.Millisecond)
			}
			return out, nil
		}
	}},
	{"says nil and stores nothing", "Append/OnePerSubscriber", func(h *hooked) {
		h.add = func(events []eventRecord) (out []webhook.Appended, err error) {
			for _, e := range events {
				out = append(out, webhook.Appended{ID: e.ID, Deliveries: 2})
			}
			return out, nil
		}
	}},
	{"keeps the caller's maps", "PutEndpoint/ArgumentsCopied", func(h *hooked) {
		kept := map[string]map[string]string{}
		h.put = func(e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
			kept[e.ID] = e.Headers
			return h.Store.PutEndpoint(ctx, e, limit)
		}
		h.list = func(q webhook.EndpointQuery) ([]webhook.EndpointRecord, error) {
			rs, err := h.Store.Endpoints(ctx, q)
			for i := range rs {
				rs[i].Headers = kept[rs[i].ID]
			}
			return rs, err
		}
	}},
	{"loses the format", "PutEndpoint/RoundTrip", func(h *hooked) {
		h.put = func(e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
			e.Format = ""
			return h.Store.PutEndpoint(ctx, e, limit)
		}
	}},
	{"logs oldest first", "Deliveries/NewestFirst", func(h *hooked) {
		h.log = func(q webhook.DeliveryQuery) ([]webhook.DeliveryRecord, error) {
			rs, err := h.Store.Deliveries(ctx, q)
			slices.Reverse(rs)
			return rs, err
		}
	}},
	{"resends again at every repeat", "Resend/SameOpOnce", func(h *hooked) {
		h.resend = func(a string, id int64, _ string) (int64, error) { return h.Store.Resend(ctx, a, id, newID()) }
	}},
	{"recovers without a bound", "Recover/OldestFirstBounded", func(h *hooked) {
		h.recover = func(q webhook.DeliveryQuery) (int, error) { q.Limit = 0; return h.Store.Recover(ctx, q) }
	}},
	{"dismisses what it cannot count", "Dismiss/OldestFirstBounded", func(h *hooked) {
		h.dismiss = func(q webhook.DeliveryQuery) (int, error) { q.Limit = 0; return h.Store.Dismiss(ctx, q) }
	}},
	{"forgets bodies that are still needed", "Purge/PendingKeepsEvent", func(h *hooked) {
		h.purge = func(a webhook.Ages, n int) (int, error) {
			if a.Pending == 0 {
				a.Pending = a.Bodies
			}
			return h.Store.Purge(ctx, a, n)
		}
	}},
	{"erases in one account at a time", "Erase/SubjectOfAllAccounts", func(h *hooked) {
		h.erase = func(e webhook.Erasure, n int) (int, error) {
			if e.Account == "" {
				e.Account = account
			}
			return h.Store.Erase(ctx, e, n)
		}
	}},
	{"counts the repeat of a settle", "Unknown/EveryMethodRepeated", func(h *hooked) {
		h.outcomes(func(o webhook.Outcome) webhook.Outcome {
			if a := o.Attempt; a != nil && a.Result == webhook.ResultInterrupted {
				o.Token = int64(lastID.Add(1))
			}
			return o
		})
	}},
}
