package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
)

const defaultSchema = "webhook"

// Options are what can be chosen. The zero value means the defaults.
type Options struct {
	// Schema is where the tables are: lower-case letters, digits and _.
	// Every statement names it; the search_path does not matter. Default
	// webhook.
	Schema string

	// ReadPool is used for Deliveries and Stats, which are for people to look
	// at: a smaller pool, so that a slow page does not keep deliveries
	// waiting, or one of a replica. Default the store's own pool.
	ReadPool *pgxpool.Pool

	// PollInterval is how soon a dispatcher that has nothing to do finds what
	// another process emitted, or what was emitted in a transaction. Each
	// look is one short transaction. Default 100 ms; 10 ms to 1 min.
	PollInterval time.Duration
}

// Store is a [webhook.Store] on PostgreSQL. It is safe for concurrent use, by
// any number of processes.
type Store struct {
	pool, readPool *pgxpool.Pool
	poll           time.Duration
	schema         string // quoted, with a dot
	sql            statements

	mu      sync.Mutex
	closed  bool
	renewal *pgxpool.Pool // one connection, for Extend; see renewals
}

var _ webhook.Store = (*Store)(nil)

// New returns a store on a schema that [Migrate] made; it looks at the
// schema's version and says so if Migrate has to run first. Nil options mean
// the defaults. The pools stay the caller's to close, after the store.
func New(pool *pgxpool.Pool, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if pool == nil {
		return nil, errors.New("pgstore: the pool is nil")
	}
	if o.Schema == "" {
		o.Schema = defaultSchema
	}
	if o.PollInterval == 0 {
		o.PollInterval = 100 * time.Millisecond
	}
	if o.PollInterval < 10*time.Millisecond || o.PollInterval > time.Minute {
		return nil, fmt.Errorf("pgstore: Options.PollInterval is %v; use 10ms to 1m", o.PollInterval)
	}
	if err := checkSchema(o.Schema); err != nil {
		return nil, err
	}
	if o.ReadPool == nil {
		o.ReadPool = pool
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := checkVersion(ctx, pool, o.Schema); err != nil {
		return nil, err
	}
	return &Store{
		pool: pool, readPool: o.ReadPool, poll: o.PollInterval,
		schema: pgx.Identifier{o.Schema}.Sanitize() + ".", sql: newStatements(o.Schema),
	}, nil
}

// Close closes the connection that the store has of its own. The pools are the
// caller's.
func (s *Store) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.renewal != nil {
		s.renewal.Close()
		s.renewal = nil
	}
}

// renewals is a pool of one connection, for Extend: a pool that is exhausted,
// perhaps by the host, must not cost a dispatcher its lanes. It is made when a
// lease is renewed for the first time; a process that only emits never has it.
func (s *Store) renewals(ctx context.Context) (*pgxpool.Pool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("pgstore: the store is closed")
	}
	if s.renewal == nil {
		c := s.pool.Config()
		c.MaxConns, c.MinConns, c.MinIdleConns = 1, 0, 0
		p, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), c)
		if err != nil {
			return nil, err
		}
		s.renewal = p
	}
	return s.renewal, nil
}

// InTx makes a caller's transaction of pgx a [webhook.Tx], for
// [webhook.Dispatcher.EmitTx] and for changing endpoints together with rows of
// the caller's. What is done through it exists if and when tx commits.
//
// Only a transaction fits: a pool has no Commit. It may be used by one
// goroutine at a time, like tx itself, and not after tx has ended.
func (s *Store) InTx(tx pgx.Tx) webhook.Tx { return inTx{s, pgxExecutor{tx}} }

// InSQLTx is [Store.InTx] for a transaction of database/sql, with any driver
// for Postgres, and for what wraps one; see [SQLTx]. It sets plan_cache_mode
// to force_custom_plan until the transaction ends.
func (s *Store) InSQLTx(tx SQLTx) webhook.Tx { return inTx{s, sqlExecutor{tx}} }

// inTx is the store in a transaction of the caller's.
type inTx struct {
	s *Store
	x executor
}

func (t inTx) PutEndpoint(ctx context.Context, e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
	return t.s.putEndpoint(ctx, t.x, e, limit)
}

func (t inTx) DeleteEndpoint(ctx context.Context, account, id string) error {
	return t.s.deleteEndpoint(ctx, t.x, account, id)
}

func (t inTx) Endpoints(ctx context.Context, q webhook.EndpointQuery) ([]webhook.EndpointRecord, error) {
	return t.s.endpoints(ctx, t.x, q)
}

func (t inTx) Append(ctx context.Context, events []webhook.EventRecord) ([]webhook.Appended, error) {
	return t.s.append(ctx, t.x, events)
}

// tx runs f in a transaction of the store's own, statement by statement.
func (s *Store) tx(ctx context.Context, f func(x executor) error) error {
	return s.own(ctx, s.pool, func(t *txn) error { return f(t) })
}

// query implements executor: what was queued before goes along.
func (t *txn) query(_ context.Context, sql string, args []any, scan func(scanner) error) error {
	t.text(func(r pgx.CollectableRow) error { return scan(r) }, sql, args...)
	return t.send()
}

// PutEndpoint implements [webhook.Tx].
func (s *Store) PutEndpoint(ctx context.Context, e webhook.Endpoint, limit int) (out webhook.Endpoint, err error) {
	err = s.tx(ctx, func(x executor) error {
		out, err = s.putEndpoint(ctx, x, e, limit)
		return err
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return out, nil
}

// DeleteEndpoint implements [webhook.Tx].
func (s *Store) DeleteEndpoint(ctx context.Context, account, id string) error {
	return s.tx(ctx, func(x executor) error { return s.deleteEndpoint(ctx, x, account, id) })
}

// Endpoints implements [webhook.Tx].
func (s *Store) Endpoints(ctx context.Context, q webhook.EndpointQuery) (out []webhook.EndpointRecord, err error) {
	err = s.tx(ctx, func(x executor) error {
		out, err = s.endpoints(ctx, x, q)
		return err
	})
	return out, err
}

// appendSQL bounds how long an Append of the store's own waits for a key or an
// event ID that another transaction is storing. And it joins the events of a
// batch with their deliveries by hashing: a nested loop over both costs the
// square of the batch.
const appendSQL = "SELECT set_config('lock_timeout', '2s', true), set_config('enable_hashjoin', 'on', true), set_config('enable_nestloop', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)"

// errHeld says that it was longer. It is a refusal, so that a dispatcher that had put the
// emits of many callers together tries each by itself.
var errHeld = fmt.Errorf("pgstore: the key or the ID of an event is being stored by a transaction that is still open; nothing was stored, emit again: %w", webhook.ErrFull)

// Append implements [webhook.Tx].
func (s *Store) Append(ctx context.Context, events []webhook.EventRecord) (out []webhook.Appended, err error) {
	err = s.own(ctx, s.pool, func(t *txn) error {
		t.batch.Queue(appendSQL)
		out, err = s.append(ctx, t, events)
		return err
	})
	if sqlState(err) == "55P03" {
		return nil, errHeld
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}
