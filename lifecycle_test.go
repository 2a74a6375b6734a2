package webhook_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
)

func TestDeleteStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, rc := w.endpoint("a.example.com", nil, slow(10*time.Second))
		w.run()
		w.emit(50)
		time.Sleep(time.Second)
		n := rc.count()
		require.Equal(t, 2, n)
		require.NoError(t, w.d.DeleteEndpoint(t.Context(), account, e.ID))
		synctest.Wait()
		require.Zero(t, rc.inHand(), "what is on its way is cut off")
		time.Sleep(24 * time.Hour)
		require.Equal(t, n, rc.count(), "nothing more")
		_, err := w.d.Endpoint(t.Context(), account, e.ID)
		require.ErrorIs(t, err, webhook.ErrNotFound)
		require.Empty(t, w.log(e))
		st, err := w.d.Stats(t.Context())
		require.NoError(t, err)
		require.Zero(t, st.Pending)
		require.Zero(t, st.Lanes)
		require.Zero(t, w.emit(1)[0].Deliveries)
	})
}

// TestDeleteAgain: a delete whose answer was lost is repeated, and stops what is on
// its way although there is nothing to delete any more.
func TestDeleteAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, rc := w.endpoint("a.example.com", nil, slow(10*time.Second))
		w.run()
		w.emit(2)
		time.Sleep(time.Second)
		require.NoError(t, w.store.DeleteEndpoint(t.Context(), account, e.ID))
		synctest.Wait()
		require.Equal(t, 2, rc.inHand())
		require.ErrorIs(t, w.d.DeleteEndpoint(t.Context(), "acct_2", e.ID), webhook.ErrNotFound)
		synctest.Wait()
		require.Equal(t, 2, rc.inHand(), "it is not theirs")
		require.ErrorIs(t, w.d.DeleteEndpoint(t.Context(), account, e.ID), webhook.ErrNotFound)
		synctest.Wait()
		require.Zero(t, rc.inHand())
	})
}

// TestUpdateAgain: a change whose answer was lost is repeated, and stops what is on
// its way if it disables.
func TestUpdateAgain(t *testing.T) {
	for what, p := range map[string]webhook.EndpointPatch{
		"disable":             {Enabled: webhook.Set(false)},
		"disable with rotate": {Enabled: webhook.Set(false), Secret: webhook.Set(webhook.GenerateSecret()), Overlap: time.Hour},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{})
				e, rc := w.endpoint("a.example.com", nil, slow(10*time.Second))
				w.run()
				w.emit(2)
				time.Sleep(time.Second)
				_, err := w.dispatcher().UpdateEndpoint(t.Context(), account, e.ID, 0, p)
				require.NoError(t, err)
				synctest.Wait()
				require.Equal(t, 2, rc.inHand())
				w.patch(e, p)
				synctest.Wait()
				require.Zero(t, rc.inHand())
			})
		})
	}
}

func TestDisableAndEnable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, rc := w.endpoint("a.example.com", nil, slow(10*time.Second))
		w.run()
		w.emit(10)
		time.Sleep(time.Second)
		e, err := w.d.DisableEndpoint(t.Context(), account, e.ID, webhook.DisabledByOperator)
		require.NoError(t, err)
		require.Equal(t, webhook.DisabledByOperator, e.DisabledBy)
		n := rc.count()
		require.Zero(t, w.emit(1)[0].Deliveries, "gets nothing that is emitted meanwhile")
		time.Sleep(time.Hour)
		require.Equal(t, n, rc.count())
		require.Equal(t, 10, w.record(e).Pending, "what was pending waits")
		rc.set(nil)
		_, err = w.d.EnableEndpoint(t.Context(), account, e.ID)
		require.NoError(t, err)
		w.drain()
		require.Equal(t, n+10, rc.count(), "and goes on")
		for _, d := range w.log(e) {
			require.Equal(t, webhook.StateDelivered, d.State)
			require.LessOrEqual(t, len(d.Attempts), 2)
			if len(d.Attempts) == 2 {
				require.Equal(t, webhook.ResultInterrupted, d.Attempts[0].Result, "cut off by us, not counted")
				require.Equal(t, 1, d.Attempts[1].N)
			}
		}
	})
}

// TestWhoDisabledIt: what the operator has disabled is the operator's to enable,
// whoever was quicker.
func TestWhoDisabledIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Retry: webhook.Schedule{}})
		e, _ := w.endpoint("a.example.com", nil, status(410))
		disable := func(by, want webhook.DisabledBy) {
			t.Helper()
			e, err := w.d.DisableEndpoint(t.Context(), account, e.ID, by)
			require.NoError(t, err)
			require.False(t, e.Enabled)
			require.Equal(t, want, e.DisabledBy)
		}
		w.emit(1)
		w.drain()
		require.Equal(t, webhook.DisabledByEngine, w.record(e).DisabledBy)
		disable("", webhook.DisabledByEngine)
		require.NotEmpty(t, w.record(e).DisabledReason)
		disable(webhook.DisabledByOperator, webhook.DisabledByOperator)
		require.Empty(t, w.record(e).DisabledReason)
		disable(webhook.DisabledByCustomer, webhook.DisabledByOperator)
		require.True(t, w.patch(e, webhook.EndpointPatch{Enabled: webhook.Set(true)}).Enabled)
		disable("", webhook.DisabledByCustomer)
		disable(webhook.DisabledByOperator, webhook.DisabledByOperator)
		_, err := w.d.DisableEndpoint(t.Context(), account, e.ID, "nobody")
		require.ErrorContains(t, err, "disabled_by")
	})
}

// TestRepeatedRotation: a repeat with the secret that came back is no second
// rotation, which would end the first secret.
func TestRepeatedRotation(t *testing.T) {
	for name, first := range map[string]webhook.Secret{"of a secret": "the first of its secrets", "of none": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{})
				e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Secret = first }, nil)
				next, once, err := w.d.RotateSecret(t.Context(), account, e.ID, "", 0)
				require.NoError(t, err)
				same, twice, err := w.d.RotateSecret(t.Context(), account, e.ID, next, 0)
				require.NoError(t, err)
				require.Equal(t, next, same)
				require.Equal(t, first != "", twice.Rotating)
				require.Equal(t, once.OldSecretUntil, twice.OldSecretUntil)
				w.emit(1)
				w.drain()
				body, sent := rc.requests()[0].body, rc.requests()[0].header.Get("X-Webhook-Signature")
				if first == "" {
					first = next
				}
				require.NoError(t, webhook.Verify(first.Reveal(), []byte(body), sent))
			})
		})
	}
}

func TestDiscardWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, rc := w.endpoint("a.example.com", nil, nil)
		w.emit(250)
		e = w.patch(e, webhook.EndpointPatch{Enabled: webhook.Set(false)})
		total := 0
		for {
			n, err := w.d.Dismiss(t.Context(), webhook.DeliveryQuery{Account: account, Endpoint: e.ID, States: []webhook.State{webhook.StatePending}})
			require.NoError(t, err)
			if n == 0 {
				break
			}
			require.LessOrEqual(t, n, 100, "in bounded steps")
			total += n
		}
		require.Equal(t, 250, total)
		w.patch(e, webhook.EndpointPatch{Enabled: webhook.Set(true)})
		w.drain()
		require.Zero(t, rc.count())
		require.Zero(t, w.record(e).Health.Undelivered, "discarded on request is not undelivered")
		require.Equal(t, webhook.ReasonDiscarded, w.log(e)[0].Reason)
	})
}

func TestEdits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, old := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Secret = "the-old-secret-16" }, status(500))
		next := &receiver{}
		w.net.Handle("b.example.com", next)
		w.run()
		w.emit(1)
		time.Sleep(time.Second)
		require.Equal(t, 1, old.count())
		edited := w.patch(e, webhook.EndpointPatch{URL: webhook.Set("https://b.example.com/x"), Secret: webhook.Set(webhook.Secret("the-new-secret-16")), Name: webhook.Set("New name")})
		require.Equal(t, e.Version+1, edited.Version)
		require.Equal(t, "New name", edited.Name)
		w.drain()
		require.Equal(t, 1, old.count())
		require.Equal(t, 1, next.count(), "what waits goes to the new URL")
		got := next.requests()[0]
		require.NoError(t, webhook.Verify("the-new-secret-16", []byte(got.body), got.header.Get("X-Webhook-Signature")), "signed with the new secret, at once")

		_, err := w.d.UpdateEndpoint(t.Context(), account, e.ID, e.Version, webhook.EndpointPatch{Name: webhook.Set("lost")})
		require.ErrorIs(t, err, webhook.ErrConflict, "a stale version is a conflict")
		require.Equal(t, "New name", w.record(e).Name)

		kept := w.patch(e, webhook.EndpointPatch{Name: webhook.Set("x")})
		require.True(t, kept.HasSecret, "absent keeps")
		gone := w.patch(e, webhook.EndpointPatch{Secret: webhook.Set(webhook.Secret(""))})
		require.False(t, gone.HasSecret, "explicitly empty removes")
		w.emit(1)
		w.drain()
		require.Empty(t, next.requests()[1].header.Get("X-Webhook-Signature"))
	})
}

func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		const first = "the-first-secret"
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Secret = first }, nil)
		w.run()
		second, e, err := w.d.RotateSecret(t.Context(), account, e.ID, "", 0)
		require.NoError(t, err)
		require.True(t, e.Rotating)
		require.WithinDuration(t, time.Now().Add(24*time.Hour), e.OldSecretUntil, time.Minute)

		check := func(plain, also string, entries int) {
			t.Helper()
			w.emit(1)
			w.drain()
			got := rc.requests()[rc.count()-1]
			require.NoError(t, webhook.Verify(plain, []byte(got.body), got.header.Get("X-Webhook-Signature")))
			for _, s := range []string{plain, also} {
				v, err := verify.New(s, &verify.Options{Scheme: verify.ReplayProtected})
				require.NoError(t, err)
				require.NoError(t, v.VerifyHeaders([]byte(got.body), got.header))
			}
			require.Len(t, got.header.Get("Webhook-Signature"), entries*47+entries-1)
		}
		check(first, second.Reveal(), 2)
		time.Sleep(25 * time.Hour)
		check(second.Reveal(), second.Reveal(), 1)
		require.False(t, w.record(e).Rotating, "over by itself")

		third, _, err := w.d.RotateSecret(t.Context(), account, e.ID, "the-third-secret", time.Hour)
		require.NoError(t, err)
		_, _, err = w.d.RotateSecret(t.Context(), account, e.ID, third, time.Hour)
		require.NoError(t, err)
		check(second.Reveal(), third.Reveal(), 2) // a repeat does not lose the old one
		_, err = w.d.EndRotation(t.Context(), account, e.ID)
		require.NoError(t, err)
		check(third.Reveal(), third.Reveal(), 1)

		_, _, err = w.d.RotateSecret(t.Context(), account, e.ID, "short", 0)
		require.ErrorContains(t, err, "at least 16")
		_, _, err = w.d.RotateSecret(t.Context(), account, e.ID, "", time.Second)
		require.ErrorContains(t, err, "overlap")
	})
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		off, rc := w.endpoint("a.example.com", nil, nil)
		broken, _ := w.endpoint("b.example.com", nil, status(500))
		w.emit(20)
		off = w.patch(off, webhook.EndpointPatch{Enabled: webhook.Set(false)})
		w.run()
		time.Sleep(73 * time.Hour)
		require.Zero(t, rc.count())
		for _, d := range w.log(off) {
			require.Equal(t, webhook.ReasonExpired, d.Reason, "in a disabled lane too")
		}
		h := w.record(off).Health
		require.Equal(t, 20, h.Undelivered)
		require.Equal(t, "expired before it could be tried", h.LastReason)
		for _, d := range w.log(broken) {
			require.Equal(t, webhook.StateDead, d.State, "and behind an open breaker")
		}
		require.True(t, w.record(broken).Health.InError)
	})
}

// What the owner of an endpoint reads about a delivery that died.
func TestReasons(t *testing.T) {
	for reason, want := range map[webhook.Reason]string{
		webhook.ReasonFailed:     "every attempt failed",
		webhook.ReasonExpired:    "expired before it could be tried again",
		webhook.ReasonMissed:     "emitted while the webhook was disabled after failing",
		webhook.ReasonDiscarded:  "discarded on request",
		webhook.ReasonFormat:     "the event could not be put into the webhook's format",
		webhook.ReasonUnreadable: "the stored event could not be read",
	} {
		require.Equal(t, want, reason.Sentence(3))
	}
	require.Equal(t, "expired before it could be tried", webhook.ReasonExpired.Sentence(0))
}

func TestResend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Retry: webhook.Schedule{}})
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Secret = "1234567890123456" }, func(_ int, w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			w.WriteHeader(500)
		})
		w.run()
		sent := w.emit(1)[0]
		w.drain()
		id := w.log(e)[0].ID
		before := w.record(e).Health
		require.Equal(t, 1, before.Undelivered)

		require.NoError(t, w.resend(id))
		require.ErrorIs(t, w.resend(id), webhook.ErrConflict, "while it waits")
		require.ErrorContains(t, w.resend(id), "still waits")
		require.Zero(t, w.record(e).Health.Undelivered, "leaves the count when its resend is accepted")
		w.drain()
		require.Equal(t, 2, rc.count(), "one attempt")
		after := w.record(e).Health
		require.Equal(t, 1, after.Undelivered, "a failed resend counts again")
		after.Undelivered, after.LastReason, before.LastReason = before.Undelivered, "", ""
		require.Equal(t, before, after, "and touches no other health")

		rc.set(nil)
		time.Sleep(time.Minute)
		log := w.log(e)
		require.True(t, log[0].Resend)
		require.Equal(t, id, log[0].Of)
		require.Equal(t, log[0].ID, log[1].ResentAs)
		require.NoError(t, w.resend(log[0].ID))
		w.drain()
		require.Zero(t, w.record(e).Health.Undelivered)
		require.False(t, w.record(e).Health.InError, "a resend's success clears the error status")
		got := rc.requests()
		require.Equal(t, got[0].body, got[2].body, "the same bytes")
		require.Equal(t, sent.ID, got[2].header.Get("Webhook-Id"), "the same id")
		require.NotEqual(t, got[0].header["Webhook-Signature"], got[2].header["Webhook-Signature"], "signed anew")
		require.NoError(t, w.resend(w.log(e)[0].ID), "also what was delivered")
		w.drain()

		w.patch(e, webhook.EndpointPatch{Enabled: webhook.Set(false)})
		require.ErrorIs(t, w.resend(id), webhook.ErrDisabled)
		require.ErrorIs(t, w.resend(999), webhook.ErrNotFound)
	})
}

func TestRecoverInSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Retry: webhook.Schedule{time.Second}})
		e, rc := w.endpoint("a.example.com", nil, status(500))
		w.run()
		w.emit(3)
		w.drain()
		time.Sleep(time.Hour)
		since := time.Now()
		until := since.Add(time.Hour)
		w.emit(5)
		w.drain()
		require.Equal(t, 8, w.record(e).Health.Undelivered)
		n := rc.count()
		rc.set(status(500))
		var steps []int
		for {
			n, err := w.d.Recover(t.Context(), account, e.ID, since, until, 2)
			require.NoError(t, err)
			if n == 0 {
				break
			}
			steps = append(steps, n)
		}
		require.Equal(t, []int{2, 2, 1}, steps)
		w.drain()
		require.Equal(t, n+10, rc.count(), "with all their retries")
		require.Equal(t, 8, w.record(e).Health.Undelivered)
		got, err := w.d.Dismiss(t.Context(), webhook.DeliveryQuery{Account: account, Endpoint: e.ID, Undelivered: true})
		require.NoError(t, err)
		require.Equal(t, 8, got)
		require.Zero(t, w.record(e).Health.Undelivered, "dismissed")
	})
}

func TestTestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Secret = "1234567890123456" }, nil)
		other := &receiver{reply: status(503)}
		w.net.Handle("b.example.com", other)
		w.patch(e, webhook.EndpointPatch{Enabled: webhook.Set(false)})
		before := w.record(e)

		a, err := w.d.Test(t.Context(), account, e.ID, events.MeetingBooked, webhook.EndpointPatch{})
		require.NoError(t, err, "works on a disabled endpoint, with any event type")
		require.Equal(t, webhook.ResultDelivered, a.Result)
		got := rc.requests()[0]
		require.Equal(t, "true", got.header.Get("X-Webhook-Test"))
		require.Regexp(t, `^test_[0-9a-f-]{36}$`, got.header.Get("Webhook-Id"))
		require.Contains(t, got.body, `{"event":"meeting.booked"`)
		require.NoError(t, webhook.Verify("1234567890123456", []byte(got.body), got.header.Get("X-Webhook-Signature")))

		a, err = w.d.Test(t.Context(), account, e.ID, events.LeadScored, webhook.EndpointPatch{
			URL: webhook.Set("https://b.example.com/"), Secret: webhook.Set(webhook.Secret("6543210987654321"))})
		require.NoError(t, err)
		require.Equal(t, webhook.ResultFailed, a.Result)
		require.Equal(t, 503, a.Status)
		got = other.requests()[0]
		require.NoError(t, webhook.Verify("6543210987654321", []byte(got.body), got.header.Get("X-Webhook-Signature")), "what is typed, not yet saved")

		_, err = w.d.Test(t.Context(), account, e.ID, events.LeadScored, webhook.EndpointPatch{URL: webhook.Set("https://10.0.0.1/")})
		require.ErrorContains(t, err, "url", "the edits are judged wholly")
		_, err = w.d.Test(t.Context(), account, e.ID, "lead.eaten", webhook.EndpointPatch{})
		require.ErrorContains(t, err, "known are")
		require.Equal(t, before, w.record(e), "nothing is saved, no health is touched")
		require.Empty(t, w.log(e))

		narrow := w.opts
		narrow.Events = events.All()[:1] // the endpoint's event is not one of these any more
		under, err := webhook.New(w.store, &narrow)
		require.NoError(t, err)
		_, err = under.Test(t.Context(), account, e.ID, events.LeadCreated, webhook.EndpointPatch{})
		require.NoError(t, err, "what was stored under older rules can be tested")
		kept, err := w.store.Endpoints(t.Context(), webhook.EndpointQuery{Account: account})
		require.NoError(t, err)
		stored := kept[0].Endpoint
		stored.URL = "https://10.0.0.1/"
		stored, err = w.store.PutEndpoint(t.Context(), stored, 0)
		require.NoError(t, err)
		a, err = under.Test(t.Context(), account, e.ID, events.LeadCreated, webhook.EndpointPatch{})
		require.NoError(t, err, "what became of it is told as of a delivery")
		require.Equal(t, webhook.ClassAddress, a.Class)
		stored.URL = e.URL
		_, err = w.store.PutEndpoint(t.Context(), stored, 0)
		require.NoError(t, err)

		for range 8 {
			_, err = w.d.Test(t.Context(), account, e.ID, events.LeadScored, webhook.EndpointPatch{})
			require.NoError(t, err)
		}
		_, err = w.d.Test(t.Context(), account, e.ID, events.LeadScored, webhook.EndpointPatch{})
		require.ErrorIs(t, err, webhook.ErrBusy, "10 a minute")
		time.Sleep(time.Minute)
		rc.set(slow(time.Second))
		done := make(chan error)
		go func() {
			_, err := w.d.Test(t.Context(), account, e.ID, events.LeadScored, webhook.EndpointPatch{})
			done <- err
		}()
		synctest.Wait()
		_, err = w.d.Test(t.Context(), account, e.ID, events.LeadScored, webhook.EndpointPatch{})
		require.ErrorIs(t, err, webhook.ErrBusy, "one at a time")
		require.NoError(t, <-done)

		a, err = w.d.TestNew(t.Context(), webhook.Endpoint{Account: account, Name: "new", URL: "https://a.example.com/", Events: []webhook.EventType{events.LeadScored}}, events.LeadScored)
		require.NoError(t, err)
		require.Equal(t, webhook.ResultDelivered, a.Result)
	})
}
