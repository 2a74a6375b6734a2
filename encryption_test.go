package webhook_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/storetest"
	"github.com/autoreach/webhook/webhooktest"
)

func encryptionKey(t testing.TB, b byte) webhook.EncryptionKey {
	t.Helper()
	k, err := webhook.NewEncryptionKey(bytes.Repeat([]byte{b}, 32))
	require.NoError(t, err)
	return k
}

// A store that gets everything encrypted keeps the contract as it did.
func TestEncryptedStore(t *testing.T) {
	k := encryptionKey(t, 1)
	storetest.Run(t, storetest.Harness{
		Open:   func(testing.TB) webhook.Store { return webhook.Encrypted(webhook.NewMemoryStore(nil), k) },
		Unit:   time.Second,
		Fake:   true,
		Bubble: synctest.Test,
	})
}

// What a store holds of a failed and of a delivered event says nothing of what
// is to be encrypted, in any encoding, and the dispatcher sees all of it.
func TestEncryptionAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const marker = "ZQ-marker-ZQ" // in everything that is to be encrypted
		plain := webhook.NewMemoryStore(nil)
		store := &recording{Store: plain}
		network := webhooktest.NewNetwork()
		var answer atomic.Int32
		answer.Store(http.StatusInternalServerError)
		network.Handle("crm.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, marker, r.Header.Get("X-Api-Key"))
			assert.Contains(t, r.Header.Get("Webhook-Signature"), " v1a,")
			w.WriteHeader(int(answer.Load()))
			fmt.Fprint(w, marker)
		}))
		defer network.Close()
		var logged bytes.Buffer
		signingKey := webhook.GenerateSigningKey()
		d, err := webhook.New(store, &webhook.Options{
			EncryptionKeys: []webhook.EncryptionKey{encryptionKey(t, 1)}, Transport: network.Transport(),
			Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		e, err := d.CreateEndpoint(ctx, webhook.Endpoint{
			Account: "acct_1", Name: "CRM", URL: "https://crm.example.com/" + marker, Events: []webhook.EventType{events.LeadScored},
			SigningKey: signingKey,
			Secret:     webhook.Secret("a secret " + marker), Headers: map[string]string{"X-Api-Key": marker},
		})
		require.NoError(t, err)
		require.Equal(t, "https://crm.example.com/"+marker, e.URL)
		_, _, err = d.RotateSecret(ctx, "acct_1", e.ID, "another secret "+marker, time.Hour)
		require.NoError(t, err)

		ran := make(chan error)
		go func() { ran <- d.Run(ctx) }()
		data := events.LeadScoredData{Lead: events.Lead{ID: marker}}
		_, err = d.Emit(ctx, webhook.Event{Account: "acct_1", Type: events.LeadScored, Data: data})
		require.NoError(t, err)
		// A transaction of the caller's is not the dispatcher's own store.
		_, err = d.EmitTx(ctx, store, webhook.Event{Account: "acct_1", Type: events.LeadScored, Data: data})
		require.NoError(t, err)
		_, err = d.UpdateEndpointTx(ctx, store, "acct_1", e.ID, 0, webhook.EndpointPatch{Name: webhook.Set("CRM Sync")})
		require.NoError(t, err)
		time.Sleep(time.Second)
		answer.Store(http.StatusOK)
		require.NoError(t, d.Drain(ctx))

		r, err := d.Endpoint(ctx, "acct_1", e.ID)
		require.NoError(t, err)
		require.Equal(t, marker, string(r.Health.Response))
		require.Equal(t, map[string]string{"X-Api-Key": marker}, r.Headers)
		page, err := d.ListDeliveries(ctx, webhook.DeliveryQuery{Account: "acct_1", Body: true})
		require.NoError(t, err)
		require.Contains(t, string(page[0].Body), marker)
		require.Len(t, page[0].Attempts, 2)
		require.Equal(t, marker, string(page[0].Attempts[0].Response))
		cancel()
		require.NoError(t, <-ran)

		kept, err := plain.Endpoints(t.Context(), webhook.EndpointQuery{Account: "acct_1"})
		require.NoError(t, err)
		log, err := plain.Deliveries(t.Context(), webhook.DeliveryQuery{Account: "acct_1", Body: true})
		require.NoError(t, err)
		require.NotEmpty(t, kept)
		require.NotEmpty(t, log[0].Body)
		all := fmt.Sprintf("%+v %s %s %+v %s", kept, kept[0].Secret.Reveal(), kept[0].OldSecret.Reveal()+kept[0].SigningKey.Reveal(), log, log[0].Body) + store.text.String() + logged.String()
		all += kept[0].URL + fmt.Sprint(kept[0].Headers) // which do not print with the endpoint
		require.NotEmpty(t, kept[0].SigningKey)
		for _, form := range append(encodings(marker), encodings(signingKey.Reveal()[len("whsk_"):])...) {
			require.NotContains(t, all, form)
		}
	})
}

// recording keeps what a store is given, by emitters and the engine at once.
type recording struct {
	webhook.Store
	mu   sync.Mutex
	text strings.Builder
}

func (s *recording) Append(ctx context.Context, events []webhook.EventRecord) ([]webhook.Appended, error) {
	s.mu.Lock()
	fmt.Fprintf(&s.text, "%+q", events)
	s.mu.Unlock()
	return s.Store.Append(ctx, events)
}

func (s *recording) Settle(ctx context.Context, o []webhook.Outcome, r []webhook.Return) (webhook.Settled, error) {
	s.mu.Lock()
	for _, x := range o {
		fmt.Fprintf(&s.text, "%+v %s", x, x.Attempt.Response)
	}
	s.mu.Unlock()
	return s.Store.Settle(ctx, o, r)
}

// encodings are the forms in which a text could be hidden. Base64 has three,
// by where the text begins; of each the part that is the same whatever is
// around it.
func encodings(s string) []string {
	out := []string{s, fmt.Sprintf("%x", s), fmt.Sprintf("%X", s), fmt.Sprint([]byte(s))}
	for i := range 3 {
		b := base64.StdEncoding.EncodeToString([]byte("xxx"[:i] + s))
		out = append(out, b[4:len(b)-4])
	}
	return out
}

// With the new key first and the old one behind it everything can be read;
// without the old one nothing is lost, and goes on when it is back.
func TestEncryptionKeyRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := webhook.NewMemoryStore(nil)
		network := webhooktest.NewNetwork()
		var rcv atomic.Int32
		network.Handle("crm.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { rcv.Add(1) }))
		defer network.Close()
		var logged bytes.Buffer
		dispatcher := func(keys ...webhook.EncryptionKey) *webhook.Dispatcher {
			d, err := webhook.New(store, &webhook.Options{
				EncryptionKeys: keys, Transport: network.Transport(), Logger: slog.New(slog.NewTextHandler(&logged, nil)),
			})
			require.NoError(t, err)
			return d
		}
		run := func(d *webhook.Dispatcher, f func()) {
			ctx, cancel := context.WithCancel(t.Context())
			ran := make(chan error)
			go func() { ran <- d.Run(ctx) }()
			f()
			cancel()
			require.NoError(t, <-ran)
		}
		emit := func(d *webhook.Dispatcher) {
			_, err := d.Emit(t.Context(), webhook.Event{Account: "acct_1", Type: events.LeadScored, Data: events.LeadScoredData{}})
			require.NoError(t, err)
		}
		one, two := encryptionKey(t, 1), encryptionKey(t, 2)

		plain := dispatcher()
		e, err := plain.CreateEndpoint(t.Context(), webhook.Endpoint{
			Account: "acct_1", Name: "CRM", URL: "https://crm.example.com/", Events: []webhook.EventType{events.LeadScored},
			Secret: "a secret of the customer",
		})
		require.NoError(t, err)
		emit(plain)
		first := dispatcher(one)
		emit(first)
		_, err = first.UpdateEndpoint(t.Context(), "acct_1", e.ID, 0, webhook.EndpointPatch{Name: webhook.Set("CRM Sync")})
		require.NoError(t, err)

		_, err = dispatcher(two).Endpoint(t.Context(), "acct_1", e.ID)
		require.ErrorContains(t, err, "encrypted with key "+one.ID()+", which is not among Options.EncryptionKeys")
		other, err := dispatcher(two).CreateEndpoint(t.Context(), webhook.Endpoint{
			Account: "acct_1", Name: "Slack", URL: "https://chat.example.com/", Events: []webhook.EventType{events.MeetingBooked},
		})
		require.NoError(t, err)
		list, err := dispatcher(two).ListEndpoints(t.Context(), webhook.EndpointQuery{Account: "acct_1"})
		require.NoError(t, err, "one that cannot be read does not hide the others")
		require.Len(t, list, 2)
		require.ErrorContains(t, list[0].Unreadable, one.ID())
		require.Equal(t, "CRM Sync", list[0].Name)
		require.Empty(t, list[0].URL)
		require.True(t, list[0].HasSecret, "as far as is known")
		require.NoError(t, list[1].Unreadable)
		require.Equal(t, "https://chat.example.com/", list[1].URL)
		_, err = dispatcher(two).UpdateEndpoint(t.Context(), "acct_1", e.ID, 0, webhook.EndpointPatch{Name: webhook.Set("CRM")})
		require.EqualError(t, err, list[0].Unreadable.Error(), "an update would lose what cannot be read")
		require.NoError(t, dispatcher(two).DeleteEndpoint(t.Context(), "acct_1", other.ID))
		log, err := dispatcher(two).ListDeliveries(t.Context(), webhook.DeliveryQuery{Account: "acct_1", Body: true})
		require.NoError(t, err, "nor does a payload")
		require.Len(t, log, 2)
		require.Nil(t, log[0].Body)
		require.Contains(t, string(log[1].Body), "lead.scored", "of before there were keys")
		logged.Reset()
		run(dispatcher(two), func() { time.Sleep(time.Minute) })
		require.Zero(t, rcv.Load())
		require.LessOrEqual(t, strings.Count(logged.String(), "cannot decrypt"), 5, "it rests for a lease each time")
		require.Contains(t, logged.String(), `msg="webhook: cannot decrypt" endpoint=`+e.ID)
		st, err := store.Stats(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, st.Pending, "nothing is lost by a key that is missing")

		run(plain, func() { time.Sleep(3 * time.Hour) })
		_, err = plain.Endpoint(t.Context(), "acct_1", e.ID)
		require.ErrorContains(t, err, "encrypted with key "+one.ID())
		st, err = store.Stats(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, st.Pending, "nor by keys that were forgotten altogether")
		require.Zero(t, rcv.Load())

		both := dispatcher(two, one)
		run(both, func() { require.NoError(t, both.Drain(t.Context())) })
		require.EqualValues(t, 2, rcv.Load())
		_, err = both.UpdateEndpoint(t.Context(), "acct_1", e.ID, 0, webhook.EndpointPatch{})
		require.NoError(t, err)
		r, err := dispatcher(two).Endpoint(t.Context(), "acct_1", e.ID)
		require.NoError(t, err, "an update encrypts with the first key")
		require.Equal(t, "https://crm.example.com/", r.URL)
	})
}

// TestPayloadKeyMissing: while keys are being introduced, a process of before them
// gets payloads that it cannot read. Nothing dies of it.
func TestPayloadKeyMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, rc := w.endpoint("a.example.com", nil, nil) // before there were keys
		old := w.d
		w.opts.EncryptionKeys = []webhook.EncryptionKey{encryptionKey(t, 1)}
		w.d = w.dispatcher()
		w.emit(3)
		stop := w.runs(old)
		time.Sleep(time.Minute)
		require.NoError(t, stop())
		require.Zero(t, rc.count())
		for _, d := range w.log(e) {
			require.Equal(t, webhook.StatePending, d.State)
			require.Equal(t, webhook.ClassInternal, d.Attempts[0].Class)
			require.Equal(t, "the payload cannot be decrypted at the moment", d.Attempts[0].Error)
		}
		w.drain()
		require.Equal(t, 3, rc.count())
		require.Contains(t, rc.requests()[0].body, "lead.scored")
	})
}

// TestRedirectAtRest: a redirect mostly names the endpoint's own path.
func TestRedirectAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Retry: webhook.Schedule{}, EncryptionKeys: []webhook.EncryptionKey{encryptionKey(t, 1)}})
		e, _ := w.endpoint("a.example.com", nil, func(_ int, rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Location", "https://a.example.com/hook/")
			rw.WriteHeader(308)
		})
		w.emit(1)
		w.drain()
		const says = "answered 308 to https://a.example.com/…; redirects are not followed: enter that URL"
		require.Equal(t, says, w.log(e)[0].Attempts[0].Error)
		h := w.record(e).Health
		require.Equal(t, says, h.Error)
		for _, text := range []string{h.Reason, h.LastReason, fmt.Sprintf("%+v", w.changes)} {
			require.Contains(t, text, "https://a.example.com/…")
			require.NotContains(t, text, "/hook/")
		}
	})
}

func TestEncryptionKey(t *testing.T) {
	_, err := webhook.NewEncryptionKey(make([]byte, 31))
	require.ErrorContains(t, err, "32 random bytes, not 31")
	k := encryptionKey(t, 9)
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %x", k, k, k, k), slog.AnyValue(k).Resolve().String()} {
		require.NotContains(t, s, "0909")
		require.NotContains(t, s, "9 9 9")
	}
	_, err = webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{EncryptionKeys: []webhook.EncryptionKey{k, k, {}}})
	require.ErrorContains(t, err, "Options.EncryptionKeys.1")
	require.ErrorContains(t, err, "NewEncryptionKey")
}
