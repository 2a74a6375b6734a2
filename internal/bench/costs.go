package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
)

// Costs makes each call that often and returns the medians.
func (s *Sender) Costs(rounds int, reply *[]Cost) error {
	l, ok := s.system.(*library)
	if !ok {
		return errors.New("this system has no store of ours")
	}
	ctx := context.Background()
	g := &gauge{l: l, samples: map[string][]Cost{}}
	var claims []webhook.Claim
	var batches []webhook.Batch
	next := 0
	emit := func(n int) error {
		events := make([]webhook.Event, n)
		for i := range events {
			events[i] = newEvent(next%l.endpoints, 1, scalePayload)
			next++
		}
		_, err := l.d.EmitBatch(ctx, events)
		return err
	}
	for i := range rounds + 1 { // the first one makes plans and connections
		if i == 1 {
			clear(g.samples)
		}
		g.call(ctx, "emit", func() error { return emit(1) })
		g.call(ctx, "emit 100", func() error { return emit(100) })
		g.call(ctx, "claim", func() (err error) { claims, err = l.claim(ctx); return err })
		g.call(ctx, "due", func() (err error) { batches, err = l.due(ctx, claims, 1); return err })
		g.call(ctx, "settle", func() error { return l.settle(ctx, batches) })
		g.call(ctx, "endpoints", func() error {
			_, err := l.store.Endpoints(ctx, webhook.EndpointQuery{Account: account(i), Limit: 100})
			return err
		})
		g.call(ctx, "log", func() error {
			_, err := l.store.Deliveries(ctx, webhook.DeliveryQuery{Account: account(i), Limit: 50})
			return err
		})
		g.call(ctx, "purge", func() error {
			const year = 365 * 24 * time.Hour
			_, err := l.store.Purge(ctx, webhook.Ages{Pending: year, Bodies: year, Log: year}, 1000)
			return err
		})
		if i < 4 {
			g.call(ctx, "stats", func() error { _, err := l.store.Stats(ctx); return err })
		}
		if g.err == nil && len(batches) != 64 {
			g.err = fmt.Errorf("%d of 64 lanes were there to be claimed", len(batches))
		}
	}
	*reply = g.costs()
	return g.err
}

// A gauge takes samples of what calls cost.
type gauge struct {
	l       *library
	names   []string
	samples map[string][]Cost
	err     error // the first one
}

func (g *gauge) call(ctx context.Context, name string, f func() error) {
	if g.err != nil {
		return
	}
	before, err := g.read(ctx)
	if err == nil {
		began := time.Now()
		err = f()
		took := time.Since(began)
		var after Cost
		statements, trips := g.l.traffic.count()
		if err == nil {
			after, err = g.read(ctx)
		}
		if len(g.samples[name]) == 0 && !slices.Contains(g.names, name) {
			g.names = append(g.names, name)
		}
		g.samples[name] = append(g.samples[name], Cost{
			Micros: float64(took.Nanoseconds()) / 1e3, Trips: trips - before.Trips, Statements: statements - before.Statements,
			Pages: after.Pages - before.Pages, WAL: after.WAL - before.WAL, Syncs: after.Syncs - before.Syncs,
		})
	}
	g.err = err
}

// read returns what was done so far.
func (g *gauge) read(ctx context.Context) (c Cost, err error) {
	switch l := g.l; {
	case l.pool != nil:
		r, err := meter{pool: l.pool, schema: l.schema}.read(ctx)
		statements, trips := l.traffic.count()
		return Cost{Pages: float64(r.pages), WAL: float64(r.wal), Syncs: float64(r.syncs), Statements: statements, Trips: trips}, err
	case l.file != "":
		n, err := written()
		return Cost{WAL: n}, err
	}
	return c, nil
}

// costs are the medians, and what they make of one delivery.
func (g *gauge) costs() (out []Cost) {
	delivery := Cost{Op: "delivery"}
	for _, name := range g.names {
		mid := func(of func(Cost) float64) float64 {
			var vs []float64
			for _, c := range g.samples[name] {
				vs = append(vs, of(c))
			}
			return median(vs)
		}
		c := Cost{
			Op: name, Micros: mid(func(c Cost) float64 { return c.Micros }), Trips: mid(func(c Cost) float64 { return c.Trips }),
			Statements: mid(func(c Cost) float64 { return c.Statements }), Pages: mid(func(c Cost) float64 { return c.Pages }),
			WAL: mid(func(c Cost) float64 { return c.WAL }), Syncs: mid(func(c Cost) float64 { return c.Syncs }),
		}
		out = append(out, c)
		part := map[string]float64{"emit 100": 1. / 100, "claim": 1. / 64, "due": 1. / 64, "settle": 1. / 64}[name]
		delivery.Micros += c.Micros * part
		delivery.Trips += c.Trips * part
		delivery.Statements += c.Statements * part
		delivery.Pages += c.Pages * part
		delivery.WAL += c.WAL * part
		delivery.Syncs += c.Syncs * part
	}
	return append(out, delivery)
}

// written is how many bytes this process has written to files.
func written() (n float64, err error) {
	text, err := os.ReadFile("/proc/self/io")
	for _, line := range strings.Split(string(text), "\n") {
		if _, err := fmt.Sscanf(line, "wchar: %g", &n); err == nil {
			return n, nil
		}
	}
	return 0, errors.Join(err, errors.New("/proc/self/io has no wchar"))
}

// traffic counts what goes to a PostgreSQL server.
type traffic struct{ statements, trips atomic.Int64 }

func (t *traffic) count() (statements, trips float64) {
	return float64(t.statements.Load()), float64(t.trips.Load())
}

var (
	_ pgx.QueryTracer = (*traffic)(nil)
	_ pgx.BatchTracer = (*traffic)(nil)
)

func (t *traffic) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	t.statements.Add(1)
	t.trips.Add(1)
	return ctx
}

func (t *traffic) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (t *traffic) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	t.trips.Add(1)
	return ctx
}

func (t *traffic) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	t.statements.Add(1)
}

func (t *traffic) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}
