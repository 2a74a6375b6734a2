package webhook_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/verify"
)

// kms is a key that is reached over a network, as far as a test can tell. It
// does not hear of contexts.
type kms struct {
	ed25519.PrivateKey
	calls atomic.Int32
	act   func(message []byte) ([]byte, error) // instead of signing
}

func newKMS(t testing.TB, act func(message []byte) ([]byte, error)) *kms {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return &kms{PrivateKey: key, act: act}
}

func (k *kms) Sign(r io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.calls.Add(1)
	if k.act != nil {
		return k.act(message)
	}
	return k.PrivateKey.Sign(r, message, opts)
}

// contextKMS hears of them.
type contextKMS struct {
	*kms
	sign func(ctx context.Context, message []byte) ([]byte, error)
}

func (k contextKMS) SignContext(ctx context.Context, message []byte) ([]byte, error) {
	return k.sign(ctx, message)
}

func newKeySigner(t testing.TB, key crypto.Signer, maxMessage int) *webhook.KeySigner {
	t.Helper()
	s, err := webhook.NewKeySigner(key, maxMessage)
	require.NoError(t, err)
	return s
}

// One key of the host's signs for all endpoints, beside what their own secrets
// and keys sign, wherever it stands among the signers; two while it is changed.
func TestKeySigner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh := newKeySigner(t, newKMS(t, nil), 0), newKeySigner(t, newKMS(t, nil), 1<<20)
		for name, signers := range map[string][]webhook.Signer{
			"behind":    {webhook.StandardSigner{}, old, fresh},
			"in front":  {old, fresh, webhook.StandardSigner{}},
			"by itself": {old, fresh},
		} {
			w := newWorld(t, webhook.Options{Signers: signers})
			w.run()
			entries := 4
			if name == "by itself" {
				entries = 2
			}
			own := webhook.GenerateSigningKey()
			_, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Secret, e.SigningKey = "0123456789abcdef", own }, nil)
			_, bare := w.endpoint("b.example.com", nil, nil)
			w.emit(1)
			w.drain()
			r := rc.requests()[0]
			require.Len(t, strings.Fields(r.header.Get("Webhook-Signature")), entries, name)
			for _, key := range []string{old.PublicKey(), fresh.PublicKey()} {
				require.True(t, verifies(t, key, r), name)
				require.True(t, verifies(t, key, bare.requests()[0]), "an endpoint without any key of its own")
			}
			require.NoError(t, w.stop())
		}
	})
}

// What the key does wrong fails the attempt, in words for the operator, and
// nothing else.
func TestKeySignerFailures(t *testing.T) {
	refusal, another := errors.New("AccessDenied"), newKMS(t, nil)
	sign := func(ctx context.Context, s *webhook.KeySigner, size int) error {
		return s.Sign(ctx, http.Header{}, webhook.Signing{ID: "evt_1", Timestamp: time.Now(), Body: make([]byte, size)})
	}
	for name, c := range map[string]struct {
		act  func([]byte) ([]byte, error)
		want string
	}{
		"error":         {func([]byte) ([]byte, error) { return nil, refusal }, "could not sign: AccessDenied"},
		"panic":         {func([]byte) ([]byte, error) { panic("kms") }, "the key panicked: kms"},
		"nothing":       {func([]byte) ([]byte, error) { return nil, nil }, "does not belong to the public key"},
		"too short":     {func([]byte) ([]byte, error) { return make([]byte, 63), nil }, "does not belong to the public key"},
		"another key's": {func(m []byte) ([]byte, error) { return another.Sign(nil, m, crypto.Hash(0)) }, "does not belong to the public key"},
	} {
		h := http.Header{}
		err := newKeySigner(t, newKMS(t, c.act), 0).Sign(t.Context(), h, webhook.Signing{ID: "evt_1", Timestamp: time.Now()})
		require.ErrorContains(t, err, c.want, name)
		require.Empty(t, h, name)
	}
	require.ErrorIs(t, sign(t.Context(), newKeySigner(t, newKMS(t, func([]byte) ([]byte, error) { return nil, refusal }), 0), 1), refusal)

	k := newKMS(t, nil)
	small := newKeySigner(t, k, 4096)
	head := len("evt_1.1795429530.")
	require.NoError(t, sign(t.Context(), small, 4096-head))
	require.ErrorContains(t, sign(t.Context(), small, 4097-head), "has 4097 bytes, and the key takes 4096")
	require.EqualValues(t, 1, k.calls.Load(), "the key was not asked for what it does not take")
}

func TestNewKeySignerRefuses(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	key := newKMS(t, nil).PrivateKey
	swapped := append(append(ed25519.PrivateKey{}, key[:32]...), newKMS(t, nil).PrivateKey[32:]...)
	for _, c := range []struct {
		key  crypto.Signer
		max  int
		want string
	}{
		{nil, 0, "is nil"},
		{key, -1, "maxMessage is -1"},
		{p256, 0, "*ecdsa.PublicKey"},
		{ed25519.PrivateKey(nil), 0, "length"},
		{swapped, 0, "key pair"},
		{contextKMS{kms: &kms{PrivateKey: make([]byte, 64)}}, 0, "anybody could sign"},
	} {
		_, err := webhook.NewKeySigner(c.key, c.max)
		require.ErrorContains(t, err, c.want)
	}
	// A payload that the key does not take is refused when it is emitted.
	small := newKeySigner(t, key, 4096)
	_, err = webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Signers: []webhook.Signer{small}})
	require.ErrorContains(t, err, "Options.Signers.0: has a key that takes messages of 4096 bytes, but Options.MaxPayload is 262144; set that to at most 4032")
	_, err = webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Signers: []webhook.Signer{small}, MaxPayload: 4032})
	require.NoError(t, err)
}

// A key that hangs costs its attempt no more than the attempt's timeout, and
// the others nothing; nobody blames the endpoint.
func TestKeySignerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		away.Store(true)
		back := make(chan struct{})
		key := newKMS(t, nil)
		key.act = func(m []byte) ([]byte, error) {
			if away.Load() {
				<-back
			}
			return key.PrivateKey.Sign(nil, m, crypto.Hash(0))
		}
		w := newWorld(t, webhook.Options{
			Signers: []webhook.Signer{webhook.StandardSigner{}, newKeySigner(t, key, 0)}, Timeout: 10 * time.Second,
			Retry: webhook.Schedule{time.Minute}, DisableAfter: time.Hour,
		})
		e, rc := w.endpoint("a.example.com", nil, nil)
		w.run()
		w.emit(1)
		time.Sleep(11 * time.Second)
		d := w.log(e)[0]
		require.Len(t, d.Attempts, 1)
		require.Equal(t, webhook.ClassInternal, d.Attempts[0].Class)
		require.Equal(t, "the request could not be signed", d.Attempts[0].Error)
		require.Equal(t, 10*time.Second, d.Attempts[0].Took)
		away.Store(false)
		w.drain()
		require.Equal(t, 1, rc.count())
		require.Equal(t, webhook.StateDelivered, w.log(e)[0].State)

		// However long it lasts, the endpoint is not disabled for it.
		away.Store(true)
		for range 10 {
			w.emit(1)
			w.drain()
			time.Sleep(10 * time.Minute)
		}
		require.True(t, w.record(e).Enabled)
		require.Equal(t, 1, rc.count())
		close(back)
	})
}

// What signing takes is not the endpoint's: both have the timeout together.
func TestSigningCountsAgainstTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newKMS(t, nil)
		key.act = func(m []byte) ([]byte, error) {
			time.Sleep(6 * time.Second)
			return key.PrivateKey.Sign(nil, m, crypto.Hash(0))
		}
		w := newWorld(t, webhook.Options{Signers: []webhook.Signer{newKeySigner(t, key, 0)}, Timeout: 10 * time.Second, Retry: webhook.Schedule{}})
		quick, _ := w.endpoint("a.example.com", nil, slow(3*time.Second))
		late, _ := w.endpoint("b.example.com", nil, slow(5*time.Second))
		w.run()
		w.emit(1)
		w.drain()
		require.Equal(t, webhook.StateDelivered, w.log(quick)[0].State)
		a := w.log(late)[0].Attempts[0]
		require.Equal(t, webhook.ClassTimeout, a.Class)
		require.Equal(t, 4*time.Second, a.Took)
	})
}

// A key that takes a context is told when the attempt is over: at its timeout,
// and when it is called off, which is no attempt then.
func TestContextKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked, told atomic.Int32
		var deadline atomic.Int64
		key := contextKMS{kms: newKMS(t, nil)}
		hangs := true
		key.sign = func(ctx context.Context, m []byte) ([]byte, error) {
			if !hangs {
				return key.PrivateKey.Sign(nil, m, crypto.Hash(0))
			}
			asked.Add(1)
			until, ok := ctx.Deadline()
			assert.True(t, ok)
			deadline.Store(int64(time.Until(until)))
			<-ctx.Done()
			told.Add(1)
			return nil, ctx.Err()
		}
		w := newWorld(t, webhook.Options{Signers: []webhook.Signer{newKeySigner(t, key, 0)}, Retry: webhook.Schedule{time.Minute}})
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Timeout = 7 * time.Second }, nil)
		w.run()
		w.emit(1)
		time.Sleep(8 * time.Second)
		require.EqualValues(t, 1, told.Load())
		require.Equal(t, 7*time.Second, time.Duration(deadline.Load()), "the endpoint's own timeout")
		for asked.Load() < 2 { // the retry
			time.Sleep(time.Second)
		}
		_, err := w.d.DisableEndpoint(t.Context(), account, e.ID, webhook.DisabledByOperator)
		require.NoError(t, err)
		synctest.Wait()
		require.EqualValues(t, 2, told.Load())
		time.Sleep(time.Minute)
		hangs = false
		_, err = w.d.EnableEndpoint(t.Context(), account, e.ID)
		require.NoError(t, err)
		w.drain()
		require.Equal(t, 1, rc.count())
		require.True(t, verifies(t, newKeySigner(t, key, 0).PublicKey(), rc.requests()[0]))
		var results []webhook.Result
		for _, a := range w.log(e)[0].Attempts {
			results = append(results, a.Result)
		}
		require.Equal(t, []webhook.Result{webhook.ResultFailed, webhook.ResultInterrupted, webhook.ResultDelivered}, results)
		require.Zero(t, key.calls.Load(), "Sign is not called beside SignContext")
	})
}

// A key that never answers holds a bounded number of goroutines.
func TestKeySignerBoundsItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := make(chan struct{})
		key := newKMS(t, func([]byte) ([]byte, error) { <-back; return nil, errors.New("late") })
		s := newKeySigner(t, key, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		errs := make(chan error, 300)
		for range cap(errs) {
			go func() { errs <- s.Sign(ctx, http.Header{}, webhook.Signing{ID: "evt_1", Timestamp: time.Now()}) }()
		}
		waited := 0
		for range cap(errs) {
			err := <-errs
			require.ErrorIs(t, err, context.DeadlineExceeded)
			if strings.Contains(err.Error(), "256 calls of the key were under way") {
				waited++
			}
		}
		require.EqualValues(t, 256, key.calls.Load())
		require.Equal(t, 44, waited)
		close(back)
		synctest.Wait()
		require.ErrorContains(t, s.Sign(t.Context(), http.Header{}, webhook.Signing{ID: "evt_1", Timestamp: time.Now()}), "late", "the calls are free again")
	})
}

func TestPrintingShowsNoKeySigner(t *testing.T) {
	seed := []byte("0123456789abcdefghijklmnopqrstuv")
	s := newKeySigner(t, ed25519.NewKeyFromSeed(seed), 0)
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s"} {
		fmt.Fprintf(&out, verb+verb, s, *s)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "signer", s)
	for _, form := range encodings(string(seed)) {
		require.NotContains(t, out.String(), form)
	}
}

// The key may be any crypto.Signer; here it is in memory.
func ExampleNewKeySigner() {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	signer, err := webhook.NewKeySigner(key, 4096)
	if err != nil {
		panic(err)
	}
	_, err = webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
		Signers:    []webhook.Signer{webhook.BodySigner{}, webhook.StandardSigner{}, signer},
		MaxPayload: 4032,
	})
	fmt.Println(err)

	// What receivers do with the public key.
	_, err = verify.NewPublic(signer.PublicKey(), nil)
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
}
