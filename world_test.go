package webhook_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

const account = "acct_1"

// world is a dispatcher with receivers on an in-memory network, to be used in
// a synctest bubble: hours pass in milliseconds.
type world struct {
	t       *testing.T
	store   *webhook.MemoryStore
	net     *webhooktest.Network
	d       *webhook.Dispatcher
	opts    webhook.Options
	began   time.Time
	mu      sync.Mutex
	changes []webhook.Change
	stop    func() error
}

func newWorld(t *testing.T, opts webhook.Options) *world {
	w := &world{t: t, store: webhook.NewMemoryStore(nil), net: webhooktest.NewNetwork(), began: time.Now()}
	t.Cleanup(func() { _ = w.net.Close() })
	opts.Transport = w.net.Transport()
	opts.OnChange = func(c webhook.Change) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changes = append(w.changes, c)
	}
	if opts.EndpointLimit == nil {
		opts.EndpointLimit = func(string) int { return 100_000 }
	}
	w.opts = opts
	w.d = w.dispatcher()
	return w
}

// dispatcher makes one more on the same store.
func (w *world) dispatcher() *webhook.Dispatcher {
	d, err := webhook.New(w.store, &w.opts)
	require.NoError(w.t, err)
	return d
}

// run runs the world's dispatcher until the test ends or stop is called.
func (w *world) run() { w.stop = w.runs(w.d) }

func (w *world) runs(d *webhook.Dispatcher) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	for range 100 { // until it runs, or its store fails
		if d.Ready() == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	w.t.Cleanup(func() { _ = stop() })
	return stop
}

// receiver is an endpoint's server, with what it got.
type receiver struct {
	mu    sync.Mutex
	got   []request
	now   int // requests in its hands
	most  int
	reply func(n int, w http.ResponseWriter, r *http.Request)
}

// replyFunc answers the n-th request.
type replyFunc = func(n int, w http.ResponseWriter, r *http.Request)

type request struct {
	at     time.Time
	header http.Header
	body   string
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	rc.mu.Lock()
	rc.got = append(rc.got, request{time.Now(), r.Header.Clone(), string(body)})
	n := len(rc.got)
	rc.now++
	rc.most = max(rc.most, rc.now)
	reply := rc.reply
	rc.mu.Unlock()
	if reply != nil {
		reply(n, w, r)
	}
	rc.mu.Lock()
	rc.now--
	rc.mu.Unlock()
}

func (rc *receiver) requests() []request {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return append([]request(nil), rc.got...)
}

// atMost is how many requests it had in its hands at a time.
func (rc *receiver) atMost() int {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return rc.most
}

func (rc *receiver) inHand() int {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return rc.now
}

func (rc *receiver) count() int { return len(rc.requests()) }

func (rc *receiver) set(reply func(n int, w http.ResponseWriter, r *http.Request)) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.reply = reply
}

// status answers with a status for ever.
func status(code int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// hang answers nothing until the sender gives up.
func hang(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// slow answers 204 after d, which is more than 0: a timer that has expired when a
// select looks at it, in a bubble, makes the race detector fail now and then.
func slow(d time.Duration) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			w.WriteHeader(204)
		case <-r.Context().Done():
		}
	}
}

// endpoint registers one at a host of its own.
func (w *world) endpoint(host string, change func(*webhook.Endpoint), reply func(int, http.ResponseWriter, *http.Request)) (webhook.Endpoint, *receiver) {
	rc := &receiver{reply: reply}
	w.net.Handle(host, rc)
	e := webhook.Endpoint{Account: account, Name: host, URL: "https://" + host + "/hook", Events: []webhook.EventType{events.LeadScored}}
	if change != nil {
		change(&e)
	}
	e, err := w.d.CreateEndpoint(w.t.Context(), e)
	require.NoError(w.t, err)
	return e, rc
}

// emit emits n events for the account.
func (w *world) emit(n int) []webhook.Emitted {
	w.t.Helper()
	return w.emitOf(n, account, events.LeadScored, events.LeadScoredData{})
}

func (w *world) emitOf(n int, account string, typ webhook.EventType, data any) []webhook.Emitted {
	w.t.Helper()
	var out []webhook.Emitted
	for range n {
		sent, err := w.d.Emit(w.t.Context(), webhook.Event{Account: account, Type: typ, Data: data})
		require.NoError(w.t, err)
		out = append(out, sent)
	}
	return out
}

// drain delivers until nothing waits any more.
func (w *world) drain() {
	w.t.Helper()
	if w.stop == nil {
		w.run()
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*24*time.Hour)
	defer cancel()
	require.NoError(w.t, w.d.Drain(ctx))
}

func (w *world) record(e webhook.Endpoint) webhook.EndpointRecord {
	w.t.Helper()
	r, err := w.d.Endpoint(w.t.Context(), e.Account, e.ID)
	require.NoError(w.t, err)
	return r
}

func (w *world) log(e webhook.Endpoint) []webhook.DeliveryRecord {
	w.t.Helper()
	list, err := w.d.ListDeliveries(w.t.Context(), webhook.DeliveryQuery{Account: e.Account, Endpoint: e.ID, Limit: 1000})
	require.NoError(w.t, err)
	return list
}

func (w *world) kinds() []webhook.ChangeKind {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []webhook.ChangeKind
	for _, c := range w.changes {
		out = append(out, c.Kind)
	}
	return out
}

// patch changes the endpoint.
func (w *world) patch(e webhook.Endpoint, p webhook.EndpointPatch) webhook.Endpoint {
	w.t.Helper()
	e, err := w.d.UpdateEndpoint(w.t.Context(), e.Account, e.ID, 0, p)
	require.NoError(w.t, err)
	return e
}

func (w *world) resend(id int64) error {
	_, err := w.d.Resend(w.t.Context(), account, id)
	return err
}

// elsewhere emits one event by another process each time that it is called.
func (w *world) elsewhere() (emit func()) {
	d := w.dispatcher()
	return func() {
		_, err := d.Emit(w.t.Context(), webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}})
		require.NoError(w.t, err)
	}
}
