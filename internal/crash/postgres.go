package main

import (
	"bytes"
	"context"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// trapCommits makes the connections of a pool watch for the COMMIT of calls
// that have a trap.
func trapCommits(c *pgxpool.Config) {
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &trappedConn{Conn: conn}, nil
	}
	c.ConnConfig.Tracer = commitTracer{}
	// Each statement then goes out with its text, and COMMIT can be seen.
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
}

// commitTracer tells a connection for which call it is used.
type commitTracer struct{}

func (commitTracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	if c, ok := conn.PgConn().Conn().(*trappedConn); ok {
		c.trap.Store(trapIn(ctx))
	}
	return ctx
}

func (commitTracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (commitTracer) TraceBatchEnd(_ context.Context, conn *pgx.Conn, _ pgx.TraceBatchEndData) {
	if c, ok := conn.PgConn().Conn().(*trappedConn); ok {
		c.trap.Store(nil)
	}
}

func (commitTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (commitTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// A trappedConn reads along on the wire.
type trappedConn struct {
	net.Conn
	trap atomic.Pointer[trap]
}

var (
	commitParse    = []byte("\x00COMMIT\x00") // in a Parse message, after its type and length: no name, the text
	commitComplete = []byte("COMMIT\x00")     // in the answer
	parseHeader    = 5
)

// Write sends what comes before the COMMIT, which the server then executes, and
// dies; the server finds the connection closed in the middle of a transaction.
// A process that is to stand still does so between two messages: the server has
// answered what it locked, and waits.
func (c *trappedConn) Write(b []byte) (int, error) {
	t := c.trap.Load()
	at := -1
	if t != nil {
		at = bytes.Index(b, commitParse) - parseHeader
	}
	if at < 0 {
		return c.Conn.Write(b)
	}
	if t.Stop {
		at = 0
	}
	n, err := c.Conn.Write(b[:at])
	if err != nil {
		return n, err
	}
	t.reach(beforeCommit)
	m, err := c.Conn.Write(b[at:])
	return n + m, err
}

// Read dies when the server has committed and the store does not know it yet.
func (c *trappedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if t := c.trap.Load(); t != nil && bytes.Contains(b[:n], commitComplete) {
		t.reach(afterCommit)
	}
	return n, err
}
