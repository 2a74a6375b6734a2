package sim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/autoreach/webhook"
)

// process is one life of a dispatcher with what it needs to be frozen and
// killed.
type process struct {
	w    *world
	name string
	d    *webhook.Dispatcher
	link *link
	end  context.CancelFunc // of Run
	ran  chan error         // what Run returned

	dying    context.Context // ends when the process dies
	die      context.CancelFunc
	observed atomic.Int64 // calls of Options.Observe

	mu     sync.Mutex
	thaw   chan struct{} // closed when it goes on; nil while it does
	frozen time.Time

	// Guarded by the world's lock.
	pauses   webhook.Pauses // the newest that it was told
	told     time.Time      // when
	stopping time.Time      // when it was told to end
	inFlight map[*claim]int
}

// span is some time.
type span struct{ from, to time.Time }

// trouble is when something was wrong with a process, or when the machine was
// slow: p is nil then.
type trouble struct {
	p *process
	span
}

var errDead = errors.New("sim: the process is dead")

// pass waits while the process is frozen.
func (p *process) pass() error {
	for {
		if p.dying.Err() != nil {
			return errDead
		}
		p.mu.Lock()
		thaw := p.thaw
		p.mu.Unlock()
		if thaw == nil {
			return nil
		}
		select {
		case <-thaw:
		case <-p.dying.Done():
		}
	}
}

func (p *process) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.thaw == nil {
		p.thaw, p.frozen = make(chan struct{}), time.Now()
	}
}

func (p *process) unfreeze() {
	p.mu.Lock()
	thaw, frozen := p.thaw, p.frozen
	p.thaw = nil
	p.mu.Unlock() // the world's lock is taken before this one
	if thaw != nil {
		p.w.trouble(p, frozen)
		close(thaw)
	}
}

// trouble notes that something was wrong with the process since then.
func (w *world) trouble(p *process, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.troubles = append(w.troubles, trouble{p, span{since, time.Now()}})
}

// troubled says whether something was wrong in some time. The world's lock is
// held.
func (p *process) troubled(from, to time.Time) bool {
	if p.dying.Err() != nil {
		return true
	}
	p.mu.Lock()
	frozen := p.thaw != nil
	p.mu.Unlock()
	if frozen || p.link.busy > 0 {
		return true
	}
	for _, t := range p.w.troubles {
		if (t.p == p || t.p == nil) && !t.from.After(to) && !t.to.Before(from) {
			return true
		}
	}
	return false
}

// newProcess makes a process and runs it, if it is to run.
func (w *world) newProcess(name string, calm, run bool) *process {
	p := &process{w: w, name: name, ran: make(chan error, 1), inFlight: map[*claim]int{}}
	p.dying, p.die = context.WithCancel(context.Background())
	store := w.open()
	p.link = newLink(w, p, store, calm)
	var linked webhook.Store = p.link
	if lock, is := store.(webhook.Exclusive); is {
		linked = &exclusive{p.link, lock}
	}
	plan := w.plan
	d, err := webhook.New(linked, &webhook.Options{
		Events: catalogue(), EventsPerEndpoint: len(types), MaxPayload: 4096, KeyWindow: plan.KeyWindow,
		EndpointLimit: func(string) int { return 100 },
		Timeout:       plan.Timeout, Retry: plan.Retry, ExpireAfter: plan.ExpireAfter,
		BodyRetention: plan.BodyRetention, LogRetention: 24 * time.Hour,
		MaxInFlight: plan.MaxInFlight, MaxInFlightTotal: plan.Total, MaxInFlightHost: plan.Host,
		Lease: plan.Lease, Grace: plan.Grace,
		Signers:   []webhook.Signer{webhook.BodySigner{}, webhook.StandardSigner{}, tagger{w}},
		Transport: &transport{p, w.net.Transport()},
		Observe:   func(webhook.Observation) { p.observed.Add(1) },
	})
	if err != nil {
		panic(err)
	}
	p.d = d
	if run {
		var ctx context.Context
		ctx, p.end = context.WithCancel(context.Background())
		w.background.Go(func() { p.ran <- d.Run(ctx) })
	}
	return p
}

// tagger adds the number of the hand-out to a request. The slice of the body
// tells which one it is.
type tagger struct{ w *world }

const tag = "X-Sim-Handing"

func (t tagger) Sign(_ context.Context, h http.Header, s webhook.Signing) error {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if x := t.w.byBody[&s.Body[0]]; x != nil {
		h[tag] = []string{fmt.Sprint(x.number)}
	}
	return nil
}

// transport is a process's way to the network.
type transport struct {
	p    *process
	base http.RoundTripper
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.p.pass(); err != nil {
		return nil, err
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	h := t.p.w.begin(t.p, req)
	ctx, cancel := context.WithCancel(req.Context())
	context.AfterFunc(t.p.dying, cancel) // its connections die with it
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	if dead := t.p.pass(); dead != nil {
		if resp != nil {
			_ = resp.Body.Close()
		}
		resp, err = nil, dead
	}
	t.p.w.ended(t.p, h, req, resp, err)
	return resp, err
}

// CloseIdleConnections is for the dispatcher.
func (t *transport) CloseIdleConnections() {
	t.base.(*http.Transport).CloseIdleConnections()
}
