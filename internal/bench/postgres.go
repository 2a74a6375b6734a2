package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connections is how many a sender has, whatever it is.
const connections = 16

// newSchema makes room for one run: it drops the schemas of those before, and
// has what they left in memory written, so that nobody works for another.
func newSchema(ctx context.Context, dsn string, tracer pgx.QueryTracer) (*pgxpool.Pool, string, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, "", err
	}
	config.MaxConns = connections
	config.ConnConfig.Tracer = tracer
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, "", err
	}
	rows, err := pool.Query(ctx, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'bench\\_%'")
	if err != nil {
		return nil, "", err
	}
	var old []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, "", err
		}
		old = append(old, name)
	}
	if err := rows.Err(); err != nil {
		return nil, "", err
	}
	schema := fmt.Sprintf("bench_%d", time.Now().UnixNano())
	for _, name := range old {
		if _, err := pool.Exec(ctx, "DROP SCHEMA "+name+" CASCADE"); err != nil {
			return nil, "", err
		}
	}
	for _, sql := range []string{"CHECKPOINT", "CREATE SCHEMA " + schema} {
		if _, err := pool.Exec(ctx, sql); err != nil {
			return nil, "", err
		}
	}
	return pool, schema, nil
}

// rest has the server do now what it would do in the minutes after a backlog was
// written: that is the cost of writing it, and no part of what it costs to have it.
func (b *bench) rest() error {
	conn, err := pgx.Connect(b.ctx, b.dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(b.ctx) }()
	for _, sql := range []string{"VACUUM (ANALYZE)", "CHECKPOINT"} {
		if _, err := conn.Exec(b.ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// serverVersion is PostgreSQL's.
func (b *bench) serverVersion() string {
	var version string
	conn, err := pgx.Connect(b.ctx, b.dsn)
	if err == nil {
		err = conn.QueryRow(b.ctx, "SHOW server_version").Scan(&version)
		_ = conn.Close(b.ctx)
	}
	if err != nil {
		return "PostgreSQL"
	}
	version, _, _ = strings.Cut(version, " ")
	return "PostgreSQL " + version
}
