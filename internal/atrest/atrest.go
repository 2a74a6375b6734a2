// Package atrest tests what a store holds when a dispatcher encrypts: the real
// files and tables of a store, through a life with everything that ends up in
// them.
package atrest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

// Subject is a store on the test's bench.
type Subject struct {
	Store webhook.Store
	InTx  func(func(tx webhook.Tx)) // runs f in a committed transaction of the caller's
	Holds func(text string) []string
	// Columns are some of those that Holds has to name where nothing is
	// encrypted, or it looks at too little.
	Columns []string
}

// Test sends, fails, resends and edits with keys, changes the key, and looks
// for the plain text of everything in what the store holds.
func (s Subject) Test(t *testing.T) {
	one, two := newKey(t, 1), newKey(t, 2)
	_, signing := s.live(t, "acct-plain", "Zq-plain-zQ")
	if len(s.Holds(signing)) == 0 {
		t.Fatal("without keys the signing key is nowhere: the test looks at too little")
	}
	held := strings.Join(s.Holds("Zq-plain-zQ"), ", ")
	for _, c := range s.Columns {
		if !strings.Contains(held, c) {
			t.Fatalf("without keys the text is in %s and not in %s: the test looks at too little", held, c)
		}
	}

	const account, marker = "acct-sealed", "Yx-sealed-xY"
	id, signing := s.live(t, account, marker, one)
	clean := func() {
		t.Helper()
		for _, form := range append(forms(marker), signing) {
			if found := s.Holds(form); len(found) > 0 {
				t.Errorf("%q is in %v", form, found)
			}
		}
	}
	clean()
	s.changeKey(t, account, id, marker, one, two)
	clean()
}

// changeKey sees what is there with the new key in front, and without the old
// one once everything was written again.
func (s Subject) changeKey(t *testing.T, account, id, marker string, one, two webhook.EncryptionKey) {
	t.Helper()
	ctx := t.Context()
	both := s.dispatcher(t, nil, two, one)
	log, err := both.ListDeliveries(ctx, webhook.DeliveryQuery{Account: account, Body: true})
	noError(t, err)
	seen := 0
	for _, d := range log {
		seen += bytes.Count(d.Body, []byte(marker))
		for _, a := range d.Attempts {
			seen += bytes.Count(a.Response, []byte(marker))
		}
	}
	if seen < 10 {
		t.Errorf("with both keys the text is read %d times of %d deliveries", seen, len(log))
	}
	only := s.dispatcher(t, nil, two)
	if _, err := only.Endpoint(ctx, account, id); err == nil || !strings.Contains(err.Error(), one.ID()) {
		t.Errorf("without the old key: %v, want its name", err)
	}
	_, err = both.UpdateEndpoint(ctx, account, id, 0, webhook.EndpointPatch{})
	noError(t, err)
	e, err := only.Endpoint(ctx, account, id)
	noError(t, err)
	if !strings.HasSuffix(e.URL, marker) || e.Headers["X-Api-Key"] != marker || !e.HasSecret {
		t.Errorf("after an update the new key opens %+v", e)
	}
}

// live takes an endpoint through its life: created in a transaction, edited,
// its secret rotated, with events that are delivered, that die, and that are
// sent again. Everything holds the marker but the signing key, whose text is
// returned without its prefix.
func (s Subject) live(t *testing.T, account, marker string, keys ...webhook.EncryptionKey) (id, signing string) {
	t.Helper()
	key := webhook.GenerateSigningKey()
	network := webhooktest.NewNetwork()
	defer func() { noError(t, network.Close()) }()
	var refuse, asked atomic.Int32
	network.Handle("crm.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if !strings.HasSuffix(r.URL.Path, marker) || r.Header.Get("X-Api-Key") != marker {
			t.Errorf("asked for %s with %s", r.URL, r.Header.Get("X-Api-Key"))
		}
		if refuse.Add(-1) >= 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprint(w, marker, strings.Repeat(".", 3000), marker)
	}))
	d := s.dispatcher(t, network, keys...)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.InTx(func(tx webhook.Tx) {
		e, err := d.CreateEndpointTx(ctx, tx, webhook.Endpoint{
			Account: account, Name: "CRM Sync", URL: "https://crm.example.com/" + marker, Events: []webhook.EventType{events.LeadScored},
			Secret: webhook.Secret("a secret " + marker), Headers: map[string]string{"X-Api-Key": marker}, SigningKey: key,
		})
		noError(t, err)
		id = e.ID
	})
	_, _, err := d.RotateSecret(ctx, account, id, webhook.Secret("another secret "+marker), time.Hour)
	noError(t, err)
	_, err = d.UpdateEndpoint(ctx, account, id, 0, webhook.EndpointPatch{Name: webhook.Set("CRM")})
	noError(t, err)

	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	event := webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{Lead: events.Lead{ID: marker}}}
	for _, failures := range []int32{0, 1, 2} { // delivered, delivered at the second attempt, dead
		refuse.Store(failures)
		_, err := d.Emit(ctx, event)
		noError(t, err)
		noError(t, d.Drain(ctx))
	}
	s.InTx(func(tx webhook.Tx) {
		_, err := d.EmitTx(ctx, tx, event)
		noError(t, err)
	})
	d.Wake()
	noError(t, d.Drain(ctx))
	dead, err := d.ListDeliveries(ctx, webhook.DeliveryQuery{Account: account, States: []webhook.State{webhook.StateDead}})
	noError(t, err)
	if len(dead) != 1 {
		t.Fatalf("%d deliveries are dead, want 1", len(dead))
	}
	_, err = d.Resend(ctx, account, dead[0].ID)
	noError(t, err)
	noError(t, d.Drain(ctx))
	if n := asked.Load(); n != 7 {
		t.Errorf("%d requests, want 7", n)
	}
	stop()
	noError(t, <-ended)
	return id, strings.TrimPrefix(key.Reveal(), "whsk_")
}

func (s Subject) dispatcher(t *testing.T, network *webhooktest.Network, keys ...webhook.EncryptionKey) *webhook.Dispatcher {
	t.Helper()
	o := &webhook.Options{EncryptionKeys: keys, Retry: webhook.Schedule{10 * time.Millisecond}}
	if network != nil {
		o.Transport = network.Transport()
	}
	d, err := webhook.New(s.Store, o)
	noError(t, err)
	return d
}

func newKey(t *testing.T, b byte) webhook.EncryptionKey {
	t.Helper()
	k, err := webhook.NewEncryptionKey(bytes.Repeat([]byte{b}, 32))
	noError(t, err)
	return k
}

// forms are the text, and what it can look like: hexadecimal, and base64 at
// each of its three offsets, without what depends on the neighbours.
func forms(s string) []string {
	out := []string{s, hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s)))}
	for i := range 3 {
		b := base64.StdEncoding.EncodeToString([]byte("xxx"[:i] + s))
		out = append(out, b[4:len(b)-4])
	}
	return out
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
