package webhook_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// A preview is what a test sends, signed only with the secret that is given.
func TestPreview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) {
			e.Secret = "1234567890123456"
			e.Headers = map[string]string{"X-Token": "abc"}
		}, nil)
		_, err := w.d.Test(t.Context(), account, e.ID, events.MeetingBooked, webhook.EndpointPatch{})
		require.NoError(t, err)
		sent := rc.requests()[0]

		p, err := w.d.Preview(t.Context(), e, events.MeetingBooked)
		require.NoError(t, err)
		require.Len(t, rc.requests(), 1, "nothing is sent")
		require.Equal(t, e.URL, p.URL)
		require.Equal(t, sent.body, string(p.Body))
		require.Equal(t, "abc", p.Header.Get("X-Token"))
		require.Equal(t, "true", p.Header.Get("X-Webhook-Test"))
		require.Empty(t, p.Header.Get("X-Webhook-Signature"), "what is read back has no secret")

		e.Secret = "1234567890123456"
		p, err = w.d.Preview(t.Context(), e, events.MeetingBooked)
		require.NoError(t, err)
		require.NoError(t, webhook.Verify("1234567890123456", p.Body, p.Header.Get("X-Webhook-Signature")))
		p.Header.Set("X-Token", "changed")
		again, err := w.d.Preview(t.Context(), e, events.MeetingBooked)
		require.NoError(t, err)
		require.Equal(t, "abc", again.Header.Get("X-Token"))

		for _, bad := range []webhook.Endpoint{{URL: "http://a.example.com/"}, {URL: e.URL, Secret: "short"}, {URL: e.URL, Headers: map[string]string{"Host": "x"}}} {
			_, err = w.d.Preview(t.Context(), bad, events.MeetingBooked)
			var invalid *webhook.InvalidError
			require.ErrorAs(t, err, &invalid)
		}
		_, err = w.d.Preview(t.Context(), e, "lead.eaten")
		require.ErrorContains(t, err, "known are")
	})
}

// A page can tell what an account may have, and what there is to choose.
func TestLimitsAndEventTypes(t *testing.T) {
	d, err := webhook.New(webhook.NewMemoryStore(nil), nil)
	require.NoError(t, err)
	require.Equal(t, webhook.Limits{Endpoints: 10, EventsPerEndpoint: 1, Attempts: 4, Timeout: 15 * time.Second}, d.Limits("acct"))
	types := d.EventTypes()
	require.Len(t, types, 7)
	types[0].Title = "changed"
	require.Equal(t, events.All()[0].Title, d.EventTypes()[0].Title)

	d, err = webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{EndpointLimit: func(a string) int { return len(a) },
		EventsPerEndpoint: 3, Retry: webhook.Schedule{time.Second}, Timeout: 2 * time.Second, Events: events.All()[:2]})
	require.NoError(t, err)
	require.Equal(t, webhook.Limits{Endpoints: 4, EventsPerEndpoint: 3, Attempts: 2, Timeout: 2 * time.Second}, d.Limits("acct"))
	require.Len(t, d.EventTypes(), 2)
}
