package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/autoreach/webhook"
)

// Growth says what is to grow, and to which number.
type Growth struct {
	Dimension string
	N         int
}

// Size is what is stored then.
type Size struct{ Bytes int64 }

const scalePayload = 256

// Grow adds what is missing to the number. The sender must be on one of the
// library's stores, and not deliver.
func (s *Sender) Grow(g Growth, size *Size) (err error) {
	ctx := context.Background()
	l, ok := s.system.(*library)
	if !ok {
		return errors.New("this system has no store of ours")
	}
	switch g.Dimension {
	case "endpoints":
		urls := make([]string, g.N)
		for i := range urls {
			urls[i] = "http://127.0.1.1/0"
		}
		err = l.register(ctx, urls)
	case "backlog":
		err = l.append(ctx, g.N-l.appended)
	case "history":
		for err == nil && l.appended < g.N {
			if err = l.append(ctx, min(10_000, g.N-l.appended)); err == nil {
				err = l.deliverAll(ctx)
			}
		}
	default:
		err = fmt.Errorf("nothing is called %q", g.Dimension)
	}
	if err == nil {
		size.Bytes, err = l.settled(ctx)
	}
	return err
}

// append stores n events, 1,000 to an endpoint and then to the next.
func (l *library) append(ctx context.Context, n int) error {
	for n > 0 {
		events := make([]webhook.Event, min(n, 1000))
		for i := range events {
			events[i] = newEvent(l.appended/1000%l.endpoints, 1, scalePayload)
			l.appended++
		}
		if _, err := l.d.EmitBatch(ctx, events); err != nil {
			return err
		}
		n -= len(events)
	}
	return nil
}

// deliverAll delivers all that waits, without sending it.
func (l *library) deliverAll(ctx context.Context) error {
	for {
		n, err := l.deliver(ctx, 64)
		if n == 0 || err != nil {
			return err
		}
	}
}

// deliver claims 64 lanes and delivers at most so many of each.
func (l *library) deliver(ctx context.Context, most int) (n int, err error) {
	claims, err := l.claim(ctx)
	if err != nil {
		return 0, err
	}
	batches, err := l.due(ctx, claims, most)
	if err != nil {
		return 0, err
	}
	return len(claims), l.settle(ctx, batches)
}

func (l *library) claim(ctx context.Context) ([]webhook.Claim, error) {
	claims, _, err := l.store.Claim(ctx, 64, time.Minute)
	return claims, err
}

func (l *library) due(ctx context.Context, claims []webhook.Claim, most int) ([]webhook.Batch, error) {
	wants := make([]webhook.Want, len(claims))
	for i, c := range claims {
		wants[i] = webhook.Want{Hold: c.Hold, Max: most, Version: c.Config.Version}
	}
	return l.store.Due(ctx, wants)
}

// settle settles all as delivered and returns the lanes.
func (l *library) settle(ctx context.Context, batches []webhook.Batch) error {
	var outcomes []webhook.Outcome
	var returns []webhook.Return
	for _, b := range batches {
		for _, d := range b.Deliveries {
			outcomes = append(outcomes, webhook.Outcome{
				Hold: b.Hold, Delivery: d.ID, State: webhook.StateDelivered,
				Attempt: &webhook.Attempt{N: 1, Result: webhook.ResultDelivered, Status: 204, Took: time.Millisecond},
			})
		}
		returns = append(returns, webhook.Return{Hold: b.Hold, Mark: b.Mark})
	}
	_, err := l.store.Settle(ctx, outcomes, returns)
	return err
}

// settled has PostgreSQL tidy up, and returns how many bytes are stored.
func (l *library) settled(ctx context.Context) (n int64, err error) {
	switch {
	case l.pool != nil:
		tables, err := l.tables(ctx)
		if err != nil {
			return 0, err
		}
		for _, t := range tables {
			if _, err := l.pool.Exec(ctx, "VACUUM ANALYZE "+l.schema+"."+t); err != nil {
				return 0, err
			}
		}
		err = l.pool.QueryRow(ctx, "SELECT sum(pg_total_relation_size(relid))::bigint FROM pg_stat_user_tables WHERE schemaname = $1", l.schema).Scan(&n)
		return n, err
	case l.file != "":
		for _, name := range []string{l.file, l.file + "-wal"} {
			info, err := os.Stat(name)
			if err != nil {
				return 0, err
			}
			n += info.Size()
		}
	}
	return n, nil
}

func (l *library) tables(ctx context.Context) (names []string, err error) {
	err = l.pool.QueryRow(ctx, "SELECT array_agg(relname::text) FROM pg_stat_user_tables WHERE schemaname = $1", l.schema).Scan(&names)
	return names, err
}
