package webhook_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

// verdict is what the owner of an endpoint is told.
type verdict struct {
	status int
	class  string
	says   string // the whole sentence
	wire   wire
}

// wire is how far a request gets.
type wire int

const (
	asked     wire = iota // the server reads it
	connected             // the connection breaks before that
	nowhere               // there is no connection
)

const (
	noAnswer   = "no answer within 4 s: answer first, then do the work"
	partial    = "an answer began, but its headers were not complete within 4 s"
	handshake  = "connected, but the TLS handshake was not complete within 4 s"
	closed     = "the connection was closed before an answer came"
	closedHead = "the connection was closed in the middle of the answer's headers"
	tooLarge   = "the answer's headers are larger than 64 KiB"
	notHTTP    = "the answer is not HTTP/1.1"
	tooEarly   = "answered 413: the endpoint does not accept payloads of this size"
	notThere   = "; redirects are not followed: enter the final https URL"
	wantsCert  = "the endpoint asks for a client certificate, and none is sent"
)

var verdicts = map[webhooktest.Behaviour]verdict{
	webhooktest.Refused:           {0, webhook.ClassRefused, "connection refused: nothing listens on this port", nowhere},
	webhooktest.ResetOnAccept:     {0, webhook.ClassReset, closed, connected},
	webhooktest.CloseOnAccept:     {0, webhook.ClassReset, closed, connected},
	webhooktest.ResetOnRequest:    {0, webhook.ClassReset, closed, asked},
	webhooktest.CloseOnRequest:    {0, webhook.ClassReset, closed, asked},
	webhooktest.ResetInStatusLine: {0, webhook.ClassReset, closedHead, asked},
	webhooktest.ResetInHeaders:    {0, webhook.ClassReset, closedHead, asked},
	webhooktest.ResetInBody:       {200, "", "", asked},

	webhooktest.NeverAnswers:   {0, webhook.ClassTimeout, noAnswer, asked},
	webhooktest.StallInHeaders: {0, webhook.ClassTimeout, partial, asked},
	webhooktest.StallInBody:    {200, "", "", asked},
	webhooktest.DripStatusLine: {0, webhook.ClassTimeout, partial, asked},
	webhooktest.DripHeaders:    {0, webhook.ClassTimeout, partial, asked},
	webhooktest.DripBody:       {200, "", "", asked},

	webhooktest.EndlessStatusLine: {0, webhook.ClassHeaders, tooLarge, asked},
	webhooktest.EndlessHeader:     {0, webhook.ClassHeaders, tooLarge, asked},
	webhooktest.EndlessHeaders:    {0, webhook.ClassHeaders, tooLarge, asked},
	webhooktest.EndlessInterim:    {0, webhook.ClassHeaders, tooLarge, asked},
	webhooktest.EndlessBody:       {200, "", "", asked},
	webhooktest.EndlessChunks:     {200, "", "", asked},
	webhooktest.LengthMaxInt64:    {200, "", "", asked},
	webhooktest.GzipBomb:          {200, "", "", asked},

	webhooktest.SwitchingProtocols: {101, webhook.ClassStatus, "answered 101: an unexpected status; the request asks for no upgrade", asked},
	webhooktest.NotHTTP:            {0, webhook.ClassNotHTTP, notHTTP, asked},
	webhooktest.Binary:             {0, webhook.ClassNotHTTP, notHTTP, asked},
	webhooktest.Status000:          {0, webhook.ClassStatus, "answered 000, which is no HTTP status", asked},
	webhooktest.Status099:          {99, webhook.ClassStatus, "answered 099, which is no HTTP status", asked},
	webhooktest.Status999:          {999, webhook.ClassStatus, "answered 999, which is no HTTP status", asked},
	webhooktest.Status2000:         {0, webhook.ClassNotHTTP, notHTTP, asked},
	webhooktest.ConflictingLengths: {0, webhook.ClassNotHTTP, notHTTP, asked},
	webhooktest.NegativeLength:     {0, webhook.ClassNotHTTP, notHTTP, asked},
	webhooktest.BrokenChunks:       {200, "", "", asked},
	webhooktest.SecondAnswer:       {200, "", "", asked},
	webhooktest.EarlyAnswer:        {413, webhook.ClassStatus, tooEarly, asked},
	webhooktest.EarlyAnswerReset:   {413, webhook.ClassStatus, tooEarly, asked},
	webhooktest.HostileText:        {500, webhook.ClassStatus, "answered 500: the endpoint failed while it handled the request", asked},

	webhooktest.Redirect301:       {301, webhook.ClassRedirect, "answered 301" + notThere, asked},
	webhooktest.Redirect302:       {302, webhook.ClassRedirect, "answered 302" + notThere, asked},
	webhooktest.Redirect303:       {303, webhook.ClassRedirect, "answered 303" + notThere, asked},
	webhooktest.Redirect307:       {307, webhook.ClassRedirect, "answered 307" + notThere, asked},
	webhooktest.Redirect308:       {308, webhook.ClassRedirect, "answered 308" + notThere, asked},
	webhooktest.RedirectElsewhere: {308, webhook.ClassRedirect, "answered 308 to https://hooks.example.com/new; redirects are not followed: enter that URL", asked},
	webhooktest.RedirectInternal:  {307, webhook.ClassRedirect, "answered 307" + notThere, asked},
	webhooktest.RedirectNowhere:   {302, webhook.ClassRedirect, "answered 302" + notThere, asked},
	webhooktest.RedirectBroken:    {302, webhook.ClassRedirect, "answered 302" + notThere, asked},
	webhooktest.MultipleChoices:   {300, webhook.ClassStatus, "answered 300", asked},
	webhooktest.NotModified:       {304, webhook.ClassStatus, "answered 304", asked},

	webhooktest.CertificateExpired:          {0, webhook.ClassTLSExpired, "the TLS certificate expired on 2020-01-31", connected},
	webhooktest.CertificateNotYetValid:      {0, webhook.ClassTLSCert, "the TLS certificate is not valid before 2099-01-01", connected},
	webhooktest.CertificateWrongHost:        {0, webhook.ClassTLSWrongHost, "the TLS certificate is not valid for 127.0.0.1", connected}, // the URL's own host
	webhooktest.CertificateUnknownAuthority: {0, webhook.ClassTLSAuthority, "the TLS certificate is not signed by a known authority: install it with its intermediate certificates", connected},
	webhooktest.CertificateChainOversize:    {0, webhook.ClassTLS, "the TLS handshake is larger than 32 KiB: send the certificate and its intermediates only", connected},
	webhooktest.ClientCertificate:           {0, webhook.ClassTLSClientCert, wantsCert, connected},
	webhooktest.ClientCertificateTLS12:      {0, webhook.ClassTLSClientCert, wantsCert, connected},
	webhooktest.TLSOldVersion:               {0, webhook.ClassTLSVersion, "no common TLS version: TLS 1.2 or newer is needed", connected},
	webhooktest.TLSPlainText:                {0, webhook.ClassTLSPlain, "the port answered without TLS: it serves plain http or something else", connected},
	webhooktest.TLSStall:                    {0, webhook.ClassConnect, handshake, connected},
	webhooktest.TLSDrip:                     {0, webhook.ClassConnect, handshake, connected},
	webhooktest.TLSReset:                    {0, webhook.ClassTLS, "the connection was closed during the TLS handshake", connected},
	webhooktest.HTTP2Only:                   {0, webhook.ClassTLS, "the endpoint does not offer HTTP/1.1 over TLS", connected},
	webhooktest.HTTP2Anyway:                 {0, webhook.ClassNotHTTP, notHTTP, asked},
}

// bulk is an event that is more than the sockets between here and a server
// that does not read can hold.
var bulk = events.Of("test.bulk", "Bulk", "A large event.", func() string { return "" })

// hostileTimeout is short, and long enough for 120 handshakes at a time on a
// machine that others keep busy.
const hostileTimeout = 4 * time.Second

// hostileWorld is a real dispatcher and a hostile server of every kind.
type hostileWorld struct {
	d         *webhook.Dispatcher
	servers   map[webhooktest.Behaviour]*webhooktest.Hostile
	endpoints map[webhooktest.Behaviour]webhook.Endpoint
}

func newHostileWorld(t *testing.T) *hostileWorld {
	w := &hostileWorld{
		servers:   map[webhooktest.Behaviour]*webhooktest.Hostile{},
		endpoints: map[webhooktest.Behaviour]webhook.Endpoint{},
	}
	for _, b := range webhooktest.HostileBehaviours() {
		w.servers[b] = webhooktest.NewHostile(t, b)
	}
	var err error
	w.d, err = webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
		Events:           append(events.All(), bulk),
		MaxPayload:       16 << 20,
		Timeout:          hostileTimeout,
		Retry:            webhook.Schedule{},
		MaxInFlightTotal: 100, // fewer than the attempts are: slots that are not given back run out
		MaxInFlightHost:  100,
		AllowPrefixes:    []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		AllowPlainHTTP:   true,
		TLS:              w.servers[webhooktest.TLSStall].TLS(),
	})
	require.NoError(t, err)
	for b, h := range w.servers {
		// One request at a time: the second is sent only when the first has
		// given its slot back.
		e := webhook.Endpoint{
			Account: "acct_" + strings.ReplaceAll(string(b), " ", "_"), Name: string(b), URL: h.URL, MaxInFlight: 1,
			Events: []webhook.EventType{w.eventFor(b).Type},
		}
		w.endpoints[b], err = w.d.CreateEndpoint(t.Context(), e)
		require.NoError(t, err, b)
	}
	return w
}

// eventFor is what a server is sent.
func (w *hostileWorld) eventFor(b webhooktest.Behaviour) webhook.Event {
	e := webhook.Event{Account: w.endpoints[b].Account, Type: events.LeadScored, Data: events.LeadScoredData{}}
	if b == webhooktest.EarlyAnswer || b == webhooktest.EarlyAnswerReset {
		e.Type, e.Data = bulk.Name, strings.Repeat("x", 12<<20)
	}
	return e
}

// TestHostile sends two events to every hostile server there is, all at a time,
// and looks at what an owner sees, at the wire, and at what is left over.
func TestHostile(t *testing.T) {
	logged := captureLog(t)
	w := newHostileWorld(t)
	healthy := w.healthy(t)
	quiet := runtime.NumGoroutine()

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.d.Run(ctx) }()
	const each = 2
	for b := range w.servers {
		for range each {
			_, err := w.d.Emit(t.Context(), w.eventFor(b))
			require.NoError(t, err, b)
		}
	}
	drain, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, w.d.Drain(drain))
	stats, err := w.d.Stats(t.Context())
	require.NoError(t, err)
	require.Zero(t, stats.InFlight, "every slot is free")
	require.Equal(t, webhook.StateDelivered, w.log(t, healthy)[0].State, "in the middle of all that")
	stop()
	require.NoError(t, <-ended)

	// What the sender had open is closed before the servers are.
	for _, h := range w.servers {
		eventually(t, func() bool { return h.Open() == 0 })
	}
	eventually(t, func() bool { return runtime.NumGoroutine() <= quiet })

	var waited []time.Duration // how much longer than the timeout
	for _, b := range webhooktest.HostileBehaviours() {
		t.Run(string(b), func(t *testing.T) {
			want, known := verdicts[b]
			require.True(t, known, "this behaviour has no verdict")
			h := w.servers[b]
			log := w.log(t, w.endpoints[b])
			require.Len(t, log, each)
			for _, d := range log {
				require.Len(t, d.Attempts, 1)
				a := d.Attempts[0]
				require.Equal(t, want.class, a.Class, a.Error)
				require.Equal(t, want.status, a.Status)
				require.Equal(t, want.says, a.Error)
				require.Equal(t, want.class == "", a.Result == webhook.ResultDelivered)
				requireNoAddress(t, strings.ReplaceAll(a.Error, "127.0.0.1", "")) // what the URL says itself
				requireCleanText(t, a.Response)
				over := a.Took - hostileTimeout
				require.Less(t, over, 2*time.Second)
				if over > 0 {
					waited = append(waited, over)
				}
			}
			if want.wire == asked {
				require.Equal(t, each, h.Requests(), "one attempt for each request on the wire")
			} else {
				require.Zero(t, h.Requests())
			}
			if want.wire == connected {
				require.Equal(t, each, h.Connections())
			}
			require.LessOrEqual(t, h.Connections(), each)
		})
	}
	require.Equal(t, each, w.servers[webhooktest.SecondAnswer].Connections(), "what it said unasked is no answer to the next request")
	// A loaded machine may hold up a few; that half of them are late is a fault.
	require.NotEmpty(t, waited)
	slices.Sort(waited)
	require.Less(t, waited[len(waited)/2], 250*time.Millisecond, "of %v", waited)
	require.Empty(t, logged(), "the process-wide log is not the endpoint's to write to")
}

// healthy registers an endpoint whose server answers when it sees that another
// hangs, and emits an event to it.
func (w *hostileWorld) healthy(t *testing.T) webhook.Endpoint {
	hangs := func() bool {
		return slices.ContainsFunc([]webhooktest.Behaviour{webhooktest.NeverAnswers, webhooktest.DripHeaders, webhooktest.TLSStall},
			func(b webhooktest.Behaviour) bool { return w.servers[b].Open() > 0 })
	}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or its context would not end with the connection
		for !hangs() && r.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		rw.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(srv.Close)
	e, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{
		Account: "acct_healthy", Name: "Healthy", URL: srv.URL, Events: []webhook.EventType{events.LeadScored}, Timeout: 30 * time.Second,
	})
	require.NoError(t, err)
	_, err = w.d.Emit(t.Context(), webhook.Event{Account: e.Account, Type: events.LeadScored, Data: events.LeadScoredData{}})
	require.NoError(t, err)
	return e
}

func (w *hostileWorld) log(t *testing.T, e webhook.Endpoint) []webhook.DeliveryRecord {
	t.Helper()
	log, err := w.d.ListDeliveries(t.Context(), webhook.DeliveryQuery{Account: e.Account})
	require.NoError(t, err)
	return log
}

// TestHostileMemory: no answer makes an attempt allocate a MiB, freed or not,
// the server's part included.
func TestHostileMemory(t *testing.T) {
	w := newHostileWorld(t)
	const limit = 1 << 20
	attempt := func(b webhooktest.Behaviour) (took time.Duration) {
		e := w.endpoints[b]
		a, err := w.d.Test(t.Context(), e.Account, e.ID, e.Events[0], webhook.EndpointPatch{})
		if err != nil {
			t.Errorf("%s: %v", b, err)
		}
		return a.Took
	}
	// The first attempts meet what is made once.
	var mu sync.Mutex
	var quick, waiting []webhooktest.Behaviour
	together(webhooktest.HostileBehaviours(), func(b webhooktest.Behaviour) {
		took := attempt(b)
		mu.Lock()
		defer mu.Unlock()
		if took < hostileTimeout {
			quick = append(quick, b)
		} else {
			waiting = append(waiting, b)
		}
	})
	for _, b := range quick {
		require.Less(t, allocated(func() { attempt(b) }), uint64(limit), b)
	}
	// Those that take long go together: even the sum is below the limit.
	require.Less(t, allocated(func() {
		together(waiting, func(b webhooktest.Behaviour) { attempt(b) })
	}), uint64(limit), waiting)
}

func together(all []webhooktest.Behaviour, do func(webhooktest.Behaviour)) {
	var wg sync.WaitGroup
	for _, b := range all {
		wg.Go(func() { do(b) })
	}
	wg.Wait()
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// address matches what could be one, with or without a port.
var address = regexp.MustCompile(`\d+\.\d+\.\d+\.\d+|\[?[0-9a-fA-F]*::|:\d{2,5}\b|dial tcp|lookup`)

func requireNoAddress(t *testing.T, sentence string) {
	t.Helper()
	require.False(t, address.MatchString(sentence), "%q reveals an address", sentence)
}

func requireCleanText(t *testing.T, text []byte) {
	t.Helper()
	require.LessOrEqual(t, len(text), 16<<10)
	require.True(t, utf8.Valid(text))
	for _, r := range string(text) {
		require.False(t, unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r), "%q", r)
	}
}

// captureLog redirects the process-wide log for the test.
func captureLog(t *testing.T) func() string {
	var mu sync.Mutex
	var buf bytes.Buffer
	old := log.Writer()
	log.SetOutput(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return buf.Write(p)
	}))
	t.Cleanup(func() { log.SetOutput(old) })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return buf.String()
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
