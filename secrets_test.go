package webhook_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// traces are the forms in which a secret could have left: those of encodings,
// base64 for URLs, percent-encoding, and quoted.
func traces(s string) []string {
	out := encodings(s)
	for _, form := range encodings(s) {
		out = append(out, strings.NewReplacer("+", "-", "/", "_").Replace(form))
	}
	out = append(out, url.QueryEscape(s), url.PathEscape(s), strings.Trim(fmt.Sprintf("%q", s), `"`), strings.Trim(fmt.Sprintf("%+q", s), `"`))
	if key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_")); err == nil && strings.HasPrefix(s, "whsec_") {
		out = append(out, traces(string(key))...)
	}
	if key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsk_")); err == nil && strings.HasPrefix(s, "whsk_") {
		out = append(out, traces(string(key[:32]))...) // the rest is the public key
	}
	return out
}

// tapped is a listener that keeps every byte that comes in.
type tapped struct {
	net.Listener
	wire *lockedBuffer
}

func (l tapped) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return tappedConn{c, l.wire}, err
}

type tappedConn struct {
	net.Conn
	wire *lockedBuffer
}

func (c tappedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	_, _ = c.wire.Write(b[:n])
	return n, err
}

// moody signs nothing, and fails as told while saying all that it knows.
type moody struct{ mood atomic.Int32 }

const (
	moodFine = iota
	moodError
	moodPanic
	moodPanicValue
)

func (m *moody) Sign(_ context.Context, _ http.Header, s webhook.Signing) error {
	switch m.mood.Load() {
	case moodError:
		return fmt.Errorf("cannot sign with %v, %+v, %#v", s.Keys, s.Keys, s.Keys[0].Secret)
	case moodPanic:
		panic(fmt.Sprintf("%+v %#v", s, s.Keys))
	case moodPanicValue:
		panic(s.Keys)
	}
	return nil
}

// witness collects what a process says.
type witness struct {
	wire   lockedBuffer // every byte that was sent
	logs   lockedBuffer // the logger at its most talkative, the process's log, stdout and stderr
	errs   lockedBuffer // texts of errors, and of attempts
	values lockedBuffer // what was returned, printed and marshalled
}

func text(b *lockedBuffer) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

// note takes down what a call returned.
func (w *witness) note(v any, err error) {
	if e, ok := v.(webhook.Endpoint); ok && e.Secret+e.OldSecret+e.SigningKey != "" {
		fmt.Fprintln(&w.values, e.Secret.Reveal(), e.OldSecret.Reveal(), e.SigningKey.Reveal())
	}
	if err != nil {
		fmt.Fprintf(&w.errs, "%v\n%+v\n", err, err)
		var invalid *webhook.InvalidError
		if errors.As(err, &invalid) {
			fmt.Fprintf(&w.errs, "%+v\n", invalid.Fields)
		}
	}
	fmt.Fprintf(&w.values, "%v\n%+v\n%#v\n%x\n", v, v, v, v)
	b, err := json.Marshal(v)
	fmt.Fprintf(&w.values, "%s %v\n", b, err)
	slog.New(slog.NewTextHandler(&w.values, nil)).Info("note", "v", v)
}

// takeProcessOutput lets what goes past the logger be seen too.
func (w *witness) takeProcessOutput(t *testing.T) (output func() string) {
	file, err := os.Create(t.TempDir() + "/output")
	require.NoError(t, err)
	stdout, stderr, writer, standard := os.Stdout, os.Stderr, log.Writer(), slog.Default()
	os.Stdout, os.Stderr = file, file
	slog.SetDefault(slog.New(slog.NewJSONHandler(&w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.SetOutput(&w.logs)
	t.Cleanup(func() {
		os.Stdout, os.Stderr = stdout, stderr
		slog.SetDefault(standard)
		log.SetOutput(writer)
		file.Close()
	})
	return func() string {
		b, err := os.ReadFile(file.Name())
		require.NoError(t, err)
		return string(b)
	}
}

// TestNoSecretLeaves goes through the life of endpoints, with everything that
// can fail, and looks for their secrets in every byte that was sent, logged,
// returned or reported; and for what else an endpoint may hold of a customer's
// credentials in logs and errors.
func TestNoSecretLeaves(t *testing.T) {
	var w witness
	output := w.takeProcessOutput(t)
	var status atomic.Int32
	status.Store(http.StatusOK)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if status.Load() == 0 {
			panic(http.ErrAbortHandler) // the connection is cut
		}
		rw.Header().Set("Location", "https://www.example.com/elsewhere?"+r.URL.RawQuery)
		rw.WriteHeader(int(status.Load()))
	}))
	srv.Listener = tapped{srv.Listener, &w.wire}
	srv.Start()
	defer srv.Close()

	const (
		token    = "query-token-0123456789"
		path     = "path-token-0123456789" // of a Slack URL, and of those like it
		header   = "header-value-0123456789"
		password = "password-in-url-0123456789"
	)
	credentials := []string{token, path, header, password}
	var secrets []string
	secret := func(s webhook.Secret) webhook.Secret {
		secrets = append(secrets, s.Reveal())
		return s
	}
	generated := secret(webhook.GenerateSecret())
	sealing := bytes.Repeat([]byte("\xf3key\x01?"), 6)[:32]
	secrets = append(secrets, string(sealing))
	key, err := webhook.NewEncryptionKey(sealing)
	require.NoError(t, err)

	own := secret(webhook.GenerateSigningKey())
	private, err := base64.StdEncoding.DecodeString(own.Reveal()[len("whsk_"):])
	require.NoError(t, err)
	keySigner, err := webhook.NewKeySigner(ed25519.PrivateKey(private), 0)
	require.NoError(t, err)
	signer := &moody{}
	opts := webhook.Options{
		AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowPlainHTTP: true,
		Retry: webhook.Schedule{time.Millisecond}, EncryptionKeys: []webhook.EncryptionKey{key},
		Signers:  []webhook.Signer{webhook.BodySigner{}, webhook.StandardSigner{}, webhook.StripeSigner{}, keySigner, signer},
		Logger:   slog.New(slog.NewJSONHandler(&w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnChange: func(c webhook.Change) { fmt.Fprintf(&w.logs, "%+v %#v\n", c.Kind, c); panic(fmt.Sprintf("%+v", c)) },
		Observe:  func(o webhook.Observation) { fmt.Fprintf(&w.errs, "%+v\n", o); panic(o) },
	}
	store := &spy{MemoryStore: webhook.NewMemoryStore(nil)}
	d, err := webhook.New(store, &opts)
	require.NoError(t, err)
	ctx := t.Context()
	signingKey := secret(webhook.GenerateSigningKey())
	endpoint := func(s webhook.Secret) webhook.Endpoint {
		return webhook.Endpoint{
			Account: account, Name: "CRM Sync", URL: srv.URL + "/services/" + path + "?token=" + token, Events: []webhook.EventType{events.LeadScored},
			Secret: s, Headers: map[string]string{"X-Api-Key": header}, SigningKey: signingKey,
		}
	}
	a, err := d.CreateEndpoint(ctx, endpoint(secret("correct horse battery staple ?>~1")))
	require.NoError(t, err)
	w.note(a, nil)
	b, err := d.CreateEndpoint(ctx, endpoint(generated))
	require.NoError(t, err)
	w.note(b, nil)
	w.note(d.TestNew(ctx, endpoint(secret("typed in, not saved yet: ÿþ")), events.LeadScored))

	// Inputs that are refused.
	for _, bad := range []webhook.Secret{"too short", "   begins with white space", "whsec_bm90IGxvbmcgZW5vdWdo", "whsec_this is no base64 at all!",
		"not utf-8 but long \xff", webhook.Secret(strings.Repeat("far too long ", 100))} {
		secret(bad)
		w.note(d.CreateEndpoint(ctx, endpoint(bad)))
		w.note(d.TestNew(ctx, endpoint(bad), events.LeadScored))
		w.note(d.UpdateEndpoint(ctx, account, a.ID, 0, webhook.EndpointPatch{Secret: webhook.Set(bad)}))
		_, e, err := d.RotateSecret(ctx, account, a.ID, bad, time.Hour)
		require.Error(t, err)
		w.note(e, err)
	}
	for _, change := range []func(*webhook.Endpoint){
		func(e *webhook.Endpoint) { e.URL = "https://user:" + password + "@crm.example.com/" },
		func(e *webhook.Endpoint) { e.URL += "#fragment" },
		func(e *webhook.Endpoint) { e.URL = "https://10.0.0.1/" + path + "?token=" + token },
		func(e *webhook.Endpoint) { e.URL = "https://crm.example.com/?token=" + token + "&bad=%zz" },
		func(e *webhook.Endpoint) { e.Headers = map[string]string{"X-Api-Key": header + "\n"} },
		func(e *webhook.Endpoint) { e.Headers = map[string]string{"Host": header} },
		func(e *webhook.Endpoint) { e.Name, e.Events, e.Format = "", nil, "unknown" },
		func(e *webhook.Endpoint) { e.SigningKey = secret("whsk_" + generated[len("whsec_"):]) },
		func(e *webhook.Endpoint) { e.SigningKey = signingKey[:len(signingKey)-1] },
		func(e *webhook.Endpoint) { e.SigningKey = secret("a signing key that is none") },
	} {
		e := endpoint(generated)
		change(&e)
		w.note(d.CreateEndpoint(ctx, e))
		w.note(d.TestNew(ctx, e, events.LeadScored))
	}
	for _, text := range []string{`{"secret":"%s"}`, `{"secret":["%s"]}`, `{"secret":{"x":"%s"}}`, `{"secret":"%s`, `{"timeout":"%s"}`} {
		var p webhook.EndpointPatch
		err := json.Unmarshal(fmt.Appendf(nil, text, secret("a secret within a patch")), &p)
		w.note(p, err)
		w.note(&p, nil)
	}

	// A life.
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- d.Run(running) }()
	emit := func() {
		t.Helper()
		w.note(d.Emit(ctx, webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}}))
		require.NoError(t, d.Drain(ctx))
	}
	emit()
	for _, code := range []int32{0, 500, 307, 429} {
		status.Store(code)
		emit()
		w.note(d.Test(ctx, account, a.ID, events.LeadScored, webhook.EndpointPatch{Secret: webhook.Set(secret("typed over the old one"))}))
	}
	status.Store(http.StatusOK)
	next, rotated, err := d.RotateSecret(ctx, account, a.ID, secret("the new one of a rotation"), time.Hour)
	w.note([]any{next, rotated}, err)
	next, rotated, err = d.RotateSecret(ctx, account, b.ID, "", time.Hour)
	w.note([]any{secret(next), rotated}, err)
	_, _, err = d.RotateSecret(ctx, account, b.ID, next, time.Nanosecond)
	w.note(nil, err)
	for _, mood := range []int32{moodError, moodPanic, moodPanicValue, moodFine} {
		signer.mood.Store(mood)
		emit()
		w.note(d.Test(ctx, account, b.ID, events.LeadScored, webhook.EndpointPatch{}))
	}
	failing := errors.New("the store is away")
	store.set(func(context.Context, string) error { return failing })
	w.note(d.Emit(ctx, webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}}))
	store.set(nil)
	log, err := d.ListDeliveries(ctx, webhook.DeliveryQuery{Account: account, Body: true})
	require.NoError(t, err)
	w.note(log, nil)
	for _, r := range log {
		for _, x := range r.Attempts {
			fmt.Fprintf(&w.errs, "%+v\n", x)
		}
		w.note(d.Resend(ctx, account, r.ID))
	}
	w.note(d.Recover(ctx, account, a.ID, time.Time{}, time.Time{}, 0))
	require.NoError(t, d.Drain(ctx))
	w.note(d.EndRotation(ctx, account, a.ID))
	w.note(d.DisableEndpoint(ctx, account, a.ID, webhook.DisabledByOperator))
	w.note(d.EnableEndpoint(ctx, account, a.ID))
	w.note(d.Endpoint(ctx, account, b.ID))
	w.note(d.ListEndpoints(ctx, webhook.EndpointQuery{Account: account}))
	w.note(d.Stats(ctx))
	w.note(d.UpdateEndpoint(ctx, account, a.ID, 99, webhook.EndpointPatch{}))
	w.note(d.UpdateEndpoint(ctx, account, a.ID, 0, webhook.EndpointPatch{SigningKey: webhook.Set(secret(webhook.GenerateSigningKey()))}))

	other, err := webhook.New(store, &webhook.Options{Logger: opts.Logger})
	require.NoError(t, err)
	w.note(other.Endpoint(ctx, account, a.ID)) // without the key
	w.note(webhook.New(store, &webhook.Options{EncryptionKeys: []webhook.EncryptionKey{key, key}}))
	w.note(nil, d.DeleteEndpoint(ctx, account, b.ID))
	stop()
	require.NoError(t, <-ended)
	srv.Close()
	w.note(opts, nil)
	w.note(*keySigner, nil)
	w.note(d, nil)

	sent, logged, said, returned := text(&w.wire), text(&w.logs)+output(), text(&w.errs), text(&w.values)
	// The witness was there.
	require.Contains(t, sent, token)
	require.Contains(t, sent, path)
	require.Contains(t, sent, "X-Webhook-Signature: sha256=")
	require.Contains(t, sent, " v1a,")
	require.Contains(t, returned, a.PublicKey)
	require.Contains(t, a.PublicKey, "whpk_")
	require.Contains(t, logged, "signing failed")
	require.Contains(t, logged, "Options.Observe")
	require.Contains(t, said, "secret: ")
	require.Contains(t, said, "www.example.com/elsewhere")
	require.Contains(t, returned, "REDACTED")
	for _, s := range secrets {
		for _, form := range traces(s) {
			for where, text := range map[string]string{"sent": sent, "logged": logged, "said": said, "returned": returned} {
				require.False(t, strings.Contains(text, form), "%q was %s as %q", s, where, form)
			}
		}
	}
	for _, s := range credentials {
		for _, form := range traces(s) {
			require.False(t, strings.Contains(logged, form), "%q was logged as %q", s, form)
			require.False(t, strings.Contains(said, form), "%q is in an error as %q", s, form)
		}
	}
}
