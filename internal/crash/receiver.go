package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/autoreach/webhook/verify"
)

// A receiver verifies every request, and writes a line "got" when one comes and
// one when it is over: "ok" and the event's key, which is synced before the 2xx
// is answered, "no" when it answered 500, "gone" when the sender hung up, or
// "bad" with the reason why it is not genuine.
type receiver struct {
	Secret    string
	Endpoints []endpoint

	journal  *journal
	verifier *verify.Verifier
	numbers  atomic.Int64
	mu       sync.Mutex
	requests map[string]int // for each endpoint and event
}

// An endpoint is one webhook of an account and how its receiver behaves.
type endpoint struct {
	Account, Name string
	FIFO          bool
	MaxInFlight   int           // 0 is the library's default
	Takes         time.Duration // before it answers
	Flaky         uint32        // percentage of events that it answers 500 at first
}

// path is the endpoint's in its URL, and its name in the journal.
func (e *endpoint) path() string { return "/" + e.Account + "/" + e.Name }

func (c *receiver) run(ctx context.Context, r *role) (err error) {
	if c.journal, err = openJournal(r.file("received")); err != nil {
		return err
	}
	c.verifier, err = verify.New(c.Secret, &verify.Options{Scheme: verify.ReplayProtected, MaxBody: 16 << 20})
	if err != nil {
		return err
	}
	c.requests = map[string]int{}
	mux := http.NewServeMux()
	for i := range c.Endpoints {
		e := &c.Endpoints[i]
		mux.HandleFunc("POST "+e.path(), func(w http.ResponseWriter, r *http.Request) { c.receive(w, r, e) })
	}
	// Small buffers: what has not been read yet has not been written wholly.
	listening := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 64<<10)
		})
		return errors.Join(err, failed)
	}}
	l, err := listening.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ready("http://" + l.Addr().String())
	return (&http.Server{Handler: mux}).Serve(l)
}

func (c *receiver) receive(w http.ResponseWriter, r *http.Request, e *endpoint) {
	n := c.numbers.Add(1)
	id, process, pid := r.Header.Get("webhook-id"), "", 0
	if _, err := fmt.Sscanf(r.UserAgent(), "crash/%s (%d)", &process, &pid); err != nil {
		c.journal.note("bad", n, "the user agent is", r.UserAgent())
		return
	}
	c.mu.Lock()
	c.requests[e.path()+id]++
	turn := c.requests[e.path()+id]
	c.mu.Unlock()
	c.journal.note("got", n, e.path(), process, id)
	if r.ContentLength >= largeFrom && turn == 1 && pid != 0 {
		c.kill(r, n, process, pid)
		return
	}
	m, err := c.verifier.Request(w, r)
	if err != nil {
		if r.Context().Err() != nil || errors.Is(err, io.ErrUnexpectedEOF) {
			c.journal.note("gone", n)
			return
		}
		c.journal.note("bad", n, strings.Fields(err.Error()))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if e.Takes > 0 {
		select {
		case <-time.After(e.Takes):
		case <-r.Context().Done():
			c.journal.note("gone", n)
			return
		}
	}
	if h := fnv.New32(); turn == 1 {
		_, _ = h.Write([]byte(e.path() + id))
		if h.Sum32()%100 < e.Flaky {
			c.journal.note("no", n)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	}
	_, key, _ := bytes.Cut(m.Data, []byte(`"key":"`))
	key, _, _ = bytes.Cut(key, []byte(`"`))
	c.journal.sync("ok", n, string(key))
	w.WriteHeader(http.StatusNoContent)
}

// kill reads a quarter of a request and kills its sender, which cannot have
// written the rest yet.
func (c *receiver) kill(r *http.Request, n int64, process string, pid int) {
	read, err := io.CopyN(io.Discard, r.Body, r.ContentLength/4)
	if err == nil {
		c.journal.note("half", n, process)
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil { // it was killed by somebody else meanwhile
		c.journal.note("gone", n)
		return
	}
	rest, err := io.Copy(io.Discard, r.Body)
	if err == nil {
		c.journal.note("bad", n, "the request was written wholly:", read+rest, "bytes")
		return
	}
	c.journal.note("gone", n)
}
