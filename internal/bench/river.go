package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// riverQueue is what one would otherwise write: a job for each delivery, and a
// worker that sends the signed request. It knows neither endpoints nor limits,
// keeps no log of attempts, and stores no event beside the job.
type riverQueue struct {
	river.WorkerDefaults[riverJob]
	poster
	pool   *pgxpool.Pool
	schema string
	client *river.Client[pgx.Tx]
	fast   bool
	done   atomic.Int64
}

// newDefaultRiver changes none of River's settings but the number of workers,
// which has no default; its documentation's example has 100.
func newDefaultRiver(ctx context.Context, dsn string) (system, error) {
	return newRiver(ctx, dsn, false, river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 100}},
	})
}

// newTunedRiver has as many workers as the library has requests in flight,
// fetches as often as River allows, and inserts batches by COPY. River's
// completer works in batches by itself.
func newTunedRiver(ctx context.Context, dsn string) (system, error) {
	return newRiver(ctx, dsn, true, river.Config{
		FetchCooldown: river.FetchCooldownMin, FetchPollInterval: 10 * time.Millisecond,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 512}},
	})
}

func newRiver(ctx context.Context, dsn string, fast bool, c river.Config) (system, error) {
	pool, schema, err := newSchema(ctx, dsn, nil)
	if err != nil {
		return nil, err
	}
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Schema: schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	q := &riverQueue{poster: newPoster(), pool: pool, schema: schema, fast: fast}
	c.Schema, c.Workers, c.MaxAttempts, c.Logger = schema, river.NewWorkers(), 4, slog.New(slog.DiscardHandler)
	river.AddWorker(c.Workers, q)
	q.client, err = river.NewClient(driver, &c)
	return q, err
}

// riverJob is a delivery. The body is a string because River keeps arguments
// as jsonb, which would not keep the bytes of an object.
type riverJob struct {
	Endpoint int    `json:"endpoint"`
	Body     string `json:"body"`
}

// Kind implements river.JobArgs.
func (riverJob) Kind() string { return "webhook" }

// Work implements river.Worker.
func (q *riverQueue) Work(ctx context.Context, job *river.Job[riverJob]) error {
	if err := q.post(ctx, job.Args.Endpoint, []byte(job.Args.Body)); err != nil {
		return err
	}
	q.done.Add(1)
	return nil
}

func (q *riverQueue) start(ctx context.Context) error { return q.client.Start(ctx) }

func (q *riverQueue) emit(ctx context.Context, _ int, es []emission) (err error) {
	if len(es) == 1 {
		_, err = q.client.Insert(ctx, riverJob{es[0].endpoint, string(body(es[0].sent))}, nil)
		return err
	}
	jobs := make([]river.InsertManyParams, len(es))
	for i, e := range es {
		jobs[i].Args = riverJob{e.endpoint, string(body(e.sent))}
	}
	if q.fast {
		_, err = q.client.InsertManyFast(ctx, jobs)
	} else {
		_, err = q.client.InsertMany(ctx, jobs)
	}
	return err
}

func (q *riverQueue) delivered() int64 { return q.done.Load() }

func (q *riverQueue) drain(ctx context.Context) error {
	for {
		var left bool
		err := q.pool.QueryRow(ctx, fmt.Sprintf(
			"SELECT EXISTS (SELECT FROM %s.river_job WHERE state IN ('available', 'running', 'retryable', 'scheduled'))", q.schema)).Scan(&left)
		if err != nil || !left {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
