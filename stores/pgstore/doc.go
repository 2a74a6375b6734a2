// Package pgstore is a [webhook.Store] on PostgreSQL, for any number of
// processes that emit and deliver.
//
//	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
//	err = pgstore.Migrate(ctx, pool, "") // with a role that may create tables
//	store, err := pgstore.New(pool, nil)
//	defer store.Close()
//	d, err := webhook.New(store, nil)
//	go d.Run(ctx) // in as many processes as you like, or in none of those that only emit
//
// It is tested with PostgreSQL 15, the oldest version that it works with, also
// behind pgbouncer 1.18, and needs no extension.
//
// # What it promises
//
// A nil error of Emit means that the event is committed, as durably as the
// server commits: with synchronous_commit off, or without a synchronous
// standby, a crash or failover of the server can take back what was
// acknowledged last. A process that is killed loses nothing: its endpoints are
// delivered to by the others when its leases end ([webhook.Options].Lease).
// Endpoints keep their order (FIFO) and their limits across all processes.
//
// The database's clock is the only one. Processes with wrong clocks neither
// steal a lease nor move a retry.
//
// # In the caller's transaction
//
// [Store.InTx] (pgx) and [Store.InSQLTx] (database/sql and what wraps it) make
// a transaction of yours a [webhook.Tx]: the event exists if and when it
// commits.
//
//	tx, err := pool.Begin(ctx)
//	defer tx.Rollback(ctx)
//	// … INSERT INTO meetings …
//	_, err = d.EmitTx(ctx, store.InTx(tx), webhook.Event{…})
//	err = tx.Commit(ctx)
//	d.Wake() // or wait for the next poll
//
// [SQLTx] names the transaction to give for sqlx, bun, GORM and ent. Pools and
// *sql.DB do not compile.
//
// Such a transaction only appends. However long it stays open, it holds up
// no delivery and no other emit, but for these: an emit with the same key or
// event ID waits for its end (one through the Dispatcher itself for two
// seconds, and is then refused with [webhook.ErrFull]: emit again); creating an
// endpoint waits for another create in the same account; changing an endpoint
// waits for another change of it.
//
// A duplicate leaves the transaction usable under READ COMMITTED, the default.
// Under REPEATABLE READ or SERIALIZABLE a duplicate that was committed after
// the transaction's snapshot is a serialization failure (40001), as is a
// concurrent create of an endpoint: begin again, as one has to at these
// levels. Transactions of the store's own state READ COMMITTED, whatever the
// database's default is.
//
// # Roles
//
// [Migrate] needs a role that owns the schema, or may create it. It can run in
// every process at its start, at once: one works and the others wait. Hosts
// with a migration tool of their own take the SQL from [Migrations]. The
// program needs no DDL:
//
//	GRANT USAGE ON SCHEMA webhook TO app;
//	GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA webhook TO app;
//	GRANT USAGE ON ALL SEQUENCES IN SCHEMA webhook TO app;
//
// The same holds for later tables: ALTER DEFAULT PRIVILEGES, or the grants
// again after each migration. Unless webhook.Options.EncryptionKeys is set, secrets
// and payloads are stored as they are: who may read endpoints can sign, who may
// read events reads your customers' data.
//
// Migrations only add, so a release runs on the schema of the next one: migrate
// first, then deploy the processes one after the other. A schema that a release
// is too old for says so, and [New] refuses it. Nothing depends on the
// search_path.
//
// # Connections
//
// A call of the store uses one connection of the pool for one short
// transaction, and a process never has more than the pool's maximum and one.
// Run makes up to five calls at a time (claiming, asking, settling, watching
// pauses, purging), and the emits that do not bring a transaction one or two
// more; so a pool of eight suffices, and a smaller one only slows down. The one
// beside it is for renewing leases, in processes that deliver: a pool that is
// exhausted must not cost them their lanes. [Store.Close] closes it.
//
// Behind pgbouncer in transaction mode everything works: there is no LISTEN,
// no SET outside of a transaction, no lock of the session and no temporary
// table. Before pgbouncer 1.21 prepared statements do not work there; say so
// in the pool's configuration: default_query_exec_mode=cache_describe (or
// exec, or simple_protocol). Leases are then renewed through pgbouncer, too,
// and its pool needs room for that: when the transactions of the host's fill it
// for as long as a lease, lanes are lost, and what is on its way may be sent
// twice.
//
// # Other processes' emits
//
// An emit through the Dispatcher wakes its own process at once. Other
// processes look every [Options].PollInterval, as they do for what was emitted
// in transactions: one short transaction that reads some pages of an index.
// There is no NOTIFY. In a transaction of the host's it would make its commit
// wait for all others that notify, in the whole database, and LISTEN does not
// work behind pgbouncer.
//
// # Keeping
//
// Run purges what is past its age in small steps, on indexes, with DELETE;
// autovacuum does the rest, with settings that the tables carry. Endpoints
// that were deleted are cleared the same way. It keeps up with tens of
// thousands of rows a second (go test -bench Purge).
//
// # What to watch
//
//   - [webhook.StoreStats].Oldest grows: deliveries are behind, or nobody
//     runs. Pending grows with it.
//   - Held is 0 while Pending is not: no process delivers.
//   - Transactions that stay open for hours, of anybody in the database
//     (pg_stat_activity.xact_start): autovacuum cannot clear the small tables
//     that change all the time, lanes and wakes, and every look gets slower.
//   - n_dead_tup of webhook.wakes and webhook.lanes in pg_stat_user_tables
//     above some tens of thousands: the same, or autovacuum is off.
package pgstore
