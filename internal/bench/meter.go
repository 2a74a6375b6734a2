package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// A meter reads what a PostgreSQL server has done.
type meter struct {
	pool   *pgxpool.Pool // all connections that work
	schema string
}

// A reading is what the server had done at some time.
type reading struct {
	pages   int64 // of the schema's tables and indexes that were touched, in memory or not
	commits int64
	wal     int64 // bytes
	records int64 // of the WAL
	syncs   int64 // of it
	rows    int64 // of the schema's tables that were inserted, changed or deleted
}

const readSQL = `
SELECT (SELECT coalesce(sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0)
               + coalesce(toast_blks_hit + toast_blks_read + tidx_blks_hit + tidx_blks_read, 0)), 0)::bigint
          FROM pg_statio_user_tables WHERE schemaname = $1),
       (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
       (SELECT wal_bytes::bigint FROM pg_stat_wal),
       (SELECT wal_records FROM pg_stat_wal),
       (SELECT wal_sync FROM pg_stat_wal),
       (SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_stat_user_tables WHERE schemaname = $1)`

// read has every connection report what it did before it looks: they do so by
// themselves only from time to time.
func (m meter) read(ctx context.Context) (r reading, err error) {
	for _, c := range m.pool.AcquireAllIdle(ctx) {
		_, err1 := c.Exec(ctx, "SELECT pg_stat_force_next_flush()")
		c.Release()
		if err1 != nil {
			err = err1
		}
	}
	if err != nil {
		return r, err
	}
	err = m.pool.QueryRow(ctx, readSQL, m.schema).Scan(&r.pages, &r.commits, &r.wal, &r.records, &r.syncs, &r.rows)
	return r, err
}
