package webhook_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/verify"
)

func TestDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{UserAgent: "AutoReach/1.0"})
		secret := webhook.GenerateSecret()
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) {
			e.Secret = secret
			e.Headers = map[string]string{"X-Api-Key": "k_123"}
		}, nil)
		require.Equal(t, webhook.LastNever, w.record(e).Health.Last)
		w.run()
		sent := w.emit(1)[0]
		w.drain()
		require.Equal(t, 1, rc.count())
		got := rc.requests()[0]
		for name, want := range map[string]string{
			"Content-Type": "application/json", "User-Agent": "AutoReach/1.0", "X-Api-Key": "k_123",
			"Webhook-Id": sent.ID, "X-Webhook-Test": "",
		} {
			require.Equal(t, want, got.header.Get(name), name)
		}
		require.Len(t, got.header["X-Api-Key"], 1)
		v, err := verify.New(secret.Reveal(), &verify.Options{Scheme: verify.ReplayProtected})
		require.NoError(t, err)
		require.NoError(t, v.VerifyHeaders([]byte(got.body), got.header))
		require.NoError(t, webhook.Verify(secret.Reveal(), []byte(got.body), got.header.Get("X-Webhook-Signature")))

		h := w.record(e).Health
		require.Equal(t, webhook.LastDelivered, h.Last)
		require.Equal(t, 200, h.Status)
		require.Equal(t, sent.ID, h.EventID)
		log := w.log(e)
		require.Len(t, log, 1)
		require.Equal(t, webhook.StateDelivered, log[0].State)
		require.Len(t, log[0].Attempts, 1)
		require.Equal(t, webhook.ResultDelivered, log[0].Attempts[0].Result)
		require.Less(t, got.at.Sub(w.began), 10*time.Millisecond, "at once")
	})
}

func TestUnsigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		_, rc := w.endpoint("a.example.com", nil, nil)
		w.emit(1)
		w.drain()
		h := rc.requests()[0].header
		require.NotContains(t, h, "X-Webhook-Signature")
		require.NotContains(t, h, "Webhook-Signature")
		require.NotEmpty(t, h.Get("Webhook-Id"))
	})
}

// TestRetries holds the help page's retry behaviour.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, rc := w.endpoint("a.example.com", nil, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = w.Write([]byte("database\x00 is down"))
		})
		w.run()
		w.emit(1)
		time.Sleep(15 * time.Second)
		h := w.record(e).Health
		require.Equal(t, webhook.LastRetrying, h.Last)
		require.Equal(t, 1, h.Attempt)
		require.False(t, h.InError, "not yet: it is tried again")
		require.WithinDuration(t, w.began.Add(30*time.Second), h.NextAt, 3*time.Second+time.Second)
		w.drain()

		got := rc.requests()
		require.Len(t, got, 4, "up to 3 retries")
		last := time.Duration(0)
		for i, want := range []time.Duration{30 * time.Second, 10 * time.Minute, 2 * time.Hour} {
			d := got[i+1].at.Sub(got[i].at)
			require.GreaterOrEqual(t, d, want)
			require.LessOrEqual(t, d, want+want/10+time.Second)
			require.Greater(t, d, last, "with increasing delays")
			last = d
			require.Equal(t, got[0].body, got[i+1].body, "the same bytes")
			require.Equal(t, got[0].header["Webhook-Id"], got[i+1].header["Webhook-Id"])
			require.NotEqual(t, got[0].header["Webhook-Timestamp"], got[i+1].header["Webhook-Timestamp"], "signed anew")
		}
		h = w.record(e).Health
		require.Equal(t, webhook.LastFailed, h.Last)
		require.True(t, h.InError)
		require.Equal(t, 500, h.Status)
		require.Contains(t, h.Reason, "500")
		require.Equal(t, 1, h.Undelivered)
		require.Equal(t, "database\uFFFD is down", string(h.Response))
		require.Equal(t, e.Version, w.record(e).Version, "health never changes the version")
		d := w.log(e)[0]
		require.Equal(t, webhook.StateDead, d.State)
		require.Equal(t, webhook.ReasonFailed, d.Reason)
		require.Len(t, d.Attempts, 4)
		for i, a := range d.Attempts {
			require.Equal(t, i+1, a.N)
			require.Equal(t, webhook.ClassStatus, a.Class)
		}
		synctest.Wait()
		require.Equal(t, []webhook.ChangeKind{webhook.ChangeFailing, webhook.ChangeError}, w.kinds())

		rc.set(nil)
		w.emit(1)
		w.drain()
		synctest.Wait()
		h = w.record(e).Health
		require.False(t, h.InError, "cleared by the next success")
		require.Equal(t, 1, h.Undelivered, "but what was not delivered is still not")
		require.Equal(t, webhook.ChangeRecovered, w.kinds()[2])
		hours := 0
		list, err := w.d.ListEndpoints(t.Context(), webhook.EndpointQuery{Account: account, Hours: 24})
		require.NoError(t, err)
		for _, x := range list[0].Hours {
			hours += x.Failed*10 + x.Delivered
		}
		require.Equal(t, 41, hours, "4 failed and 1 delivered in the counters")
	})
}

func TestWhatCountsAsFailure(t *testing.T) {
	for name, c := range map[string]struct {
		reply func(int, http.ResponseWriter, *http.Request)
		class string
	}{
		"redirect": {func(_ int, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://b.example.com/", http.StatusMovedPermanently)
		}, webhook.ClassRedirect},
		"not found": {status(404), webhook.ClassStatus},
		"hangs":     {hang, webhook.ClassTimeout},
		"drops":     {func(int, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, webhook.ClassReset},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{Retry: webhook.Schedule{}})
				e, rc := w.endpoint("a.example.com", nil, c.reply)
				other := &receiver{}
				w.net.Handle("b.example.com", other)
				w.emit(1)
				w.drain()
				require.Equal(t, 1, rc.count())
				require.Zero(t, other.count(), "redirects are not followed")
				a := w.log(e)[0].Attempts[0]
				require.Equal(t, webhook.ResultFailed, a.Result)
				require.Equal(t, c.class, a.Class, a.Error)
				require.NotEmpty(t, a.Error)
				require.LessOrEqual(t, a.Took, 15*time.Second+250*time.Millisecond)
			})
		})
	}
}

func TestGoneDisables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, rc := w.endpoint("a.example.com", nil, status(410))
		mixed, _ := w.endpoint("b.example.com", nil, func(n int, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(map[bool]int{true: 500, false: 410}[n == 2])
		})
		w.run()
		w.emit(1)
		w.drain()
		require.Equal(t, 4, rc.count(), "a 410 is retried like any failure")
		r := w.record(e)
		require.False(t, r.Enabled)
		require.Equal(t, webhook.DisabledByEngine, r.DisabledBy)
		require.Contains(t, r.DisabledReason, "410")
		require.True(t, w.record(mixed).Enabled, "only when all attempts answered 410")
		synctest.Wait()
		require.Contains(t, w.kinds(), webhook.ChangeDisabled)

		wants, err := w.d.Wants(t.Context(), account, "lead.scored")
		require.NoError(t, err)
		require.True(t, wants)
		require.Equal(t, 1, w.emit(1)[0].Deliveries, "only the other one gets it")
		w.drain()
		require.Equal(t, 4, rc.count())
		_, err = w.d.Recover(t.Context(), account, e.ID, time.Time{}, time.Time{}, 0)
		require.ErrorIs(t, err, webhook.ErrDisabled)

		rc.set(nil)
		_, err = w.d.EnableEndpoint(t.Context(), account, e.ID)
		require.NoError(t, err)
		w.drain()
		require.Equal(t, 4, rc.count(), "what it missed comes only on request")
		n, err := w.d.Recover(t.Context(), account, e.ID, time.Time{}, time.Time{}, 0)
		require.NoError(t, err)
		require.Equal(t, 2, n, "the one that died and the one that was missed")
		w.drain()
		require.Equal(t, 6, rc.count())
		require.Zero(t, w.record(e).Health.Undelivered)
	})
}

func TestDisableAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{DisableAfter: 24 * time.Hour})
		e, _ := w.endpoint("a.example.com", nil, status(500))
		w.run()
		for range 8 {
			require.True(t, w.record(e).Enabled)
			w.emit(1)
			time.Sleep(6 * time.Hour)
		}
		w.drain()
		r := w.record(e)
		require.False(t, r.Enabled)
		require.Contains(t, r.DisabledReason, "24h")
	})
}

// TestResendThatSucceeds: it is a delivery that has succeeded, and the next one
// that dies disables nothing.
func TestResendThatSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{DisableAfter: 24 * time.Hour, Retry: webhook.Schedule{}, MaxInFlight: 1})
		e, rc := w.endpoint("a.example.com", nil, status(500))
		w.run()
		for range 7 {
			w.emit(1)
			time.Sleep(4 * time.Hour)
		}
		dead := w.log(e)[0]
		rc.set(func(n int, rw http.ResponseWriter, _ *http.Request) {
			time.Sleep(100 * time.Millisecond)
			if n == 8 { // the resend
				return
			}
			rw.WriteHeader(500)
		})
		require.NoError(t, w.resend(dead.ID))
		w.emit(1) // in the same claim
		time.Sleep(time.Minute)
		require.Equal(t, 9, rc.count())
		r := w.record(e)
		require.True(t, r.Enabled, r.DisabledReason)
		require.NotContains(t, w.kinds(), webhook.ChangeDisabled)
	})
}

// TestSenderFaultDisablesNothing: a deployment that forgot a format fails at its
// endpoints for days.
func TestSenderFaultDisablesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{DisableAfter: 24 * time.Hour, Retry: webhook.Schedule{}})
		own, err := webhook.TemplateFormat("own", "Own", "text/plain", "{{.Type}}")
		require.NoError(t, err)
		knows := w.opts
		knows.Formats = []webhook.Format{own}
		w.d, err = webhook.New(w.store, &knows)
		require.NoError(t, err)
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Format = "own" }, nil)
		w.d = w.dispatcher() // which does not
		w.run()
		for range 12 {
			w.emit(10)
			time.Sleep(6 * time.Hour)
		}
		w.drain()
		r := w.record(e)
		require.True(t, r.Enabled)
		require.Equal(t, webhook.ClassUnknownFormat, r.Health.Class)
		require.Equal(t, 120, r.Health.Undelivered)
		require.Zero(t, rc.count())
	})
}

func TestThrottle(t *testing.T) {
	for _, code := range []int{429, 502, 503, 504} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, webhook.Options{})
			_, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.MaxInFlight = 1 }, func(n int, w http.ResponseWriter, _ *http.Request) {
				if n == 1 {
					w.Header().Set("Retry-After", "120")
					w.WriteHeader(code)
				}
			})
			w.run()
			w.emit(3)
			w.drain()
			got := rc.requests()
			require.Len(t, got, 4, code)
			require.GreaterOrEqual(t, got[1].at.Sub(got[0].at), 2*time.Minute, "after %d the whole endpoint is left alone", code)
			require.Less(t, got[3].at.Sub(got[0].at), 3*time.Minute, code)
		})
	}
}

func TestRetryAfterOnAnotherFailureDelaysThatDeliveryOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		_, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.MaxInFlight = 1 }, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(500)
			}
		})
		w.run()
		w.emit(2)
		w.drain()
		got := rc.requests()
		require.Len(t, got, 3)
		require.Less(t, got[1].at.Sub(got[0].at), time.Second, "the other delivery is not delayed")
		require.GreaterOrEqual(t, got[2].at.Sub(got[0].at), time.Hour)
	})
}
