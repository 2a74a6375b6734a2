package webhook_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// A format that cannot render an event is a failed delivery that says why: at
// once, since it would fail again, and without a request.
func TestFormatThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		render func(webhook.FormatEvent) (string, []byte, error)
		says   string
	}{
		"error":    {func(webhook.FormatEvent) (string, []byte, error) { return "", nil, errors.New("no field\nhere") }, "Own: no field here"},
		"panic":    {func(webhook.FormatEvent) (string, []byte, error) { panic("secret thoughts") }, "Own: the format is broken"},
		"too much": {func(webhook.FormatEvent) (string, []byte, error) { return "text/plain", make([]byte, 256<<10+1), nil }, "it made 262145 bytes; the limit is 262144"},
		"not JSON": {func(webhook.FormatEvent) (string, []byte, error) {
			return "application/json; charset=utf-8", []byte(`{"a":`), nil
		}, "not JSON"},
		"no type":    {func(webhook.FormatEvent) (string, []byte, error) { return "", nil, nil }, "not a content type"},
		"line break": {func(webhook.FormatEvent) (string, []byte, error) { return "text/plain;\r\n x=y", nil, nil }, "not a content type"},
		"long reasons": {func(webhook.FormatEvent) (string, []byte, error) {
			return "", nil, errors.New(strings.Repeat("é", 400))
		}, "éé…"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				own := webhook.Format{Name: "own", Title: "Own", Render: c.render}
				w := newWorld(t, webhook.Options{Formats: []webhook.Format{own}, DisableAfter: time.Hour})
				e, rc := w.endpoint("own.example.com", func(e *webhook.Endpoint) { e.Format = "own" }, nil)
				began := time.Now()
				w.emit(20)
				w.drain()
				require.Less(t, time.Since(began), time.Minute, "no retries")
				require.Zero(t, rc.count())
				for _, r := range w.log(e) {
					require.Equal(t, webhook.StateDead, r.State)
					require.Equal(t, webhook.ReasonFormat, r.Reason)
					require.True(t, r.Undelivered)
					require.Len(t, r.Attempts, 1)
					require.Equal(t, webhook.ClassFormat, r.Attempts[0].Class)
					require.Contains(t, r.Attempts[0].Error, "could not be put into the format Own")
					require.Contains(t, r.Attempts[0].Error, c.says)
					require.NotContains(t, r.Attempts[0].Error, "secret thoughts")
					require.Less(t, len(r.Attempts[0].Error), 500)
				}
				h := w.record(e).Health
				require.True(t, h.InError)
				require.Equal(t, webhook.ClassFormat, h.Class)
				require.Contains(t, h.Reason, c.says)
				require.Equal(t, 20, h.Undelivered)
				require.True(t, w.record(e).Enabled)

				a, err := w.d.Test(t.Context(), account, e.ID, events.LeadScored, webhook.EndpointPatch{})
				require.NoError(t, err)
				require.Equal(t, webhook.ClassFormat, a.Class)
				require.Contains(t, a.Error, c.says)

				// When the format is mended, what died is recovered.
				require.NoError(t, w.stop())
				w.opts.Formats = []webhook.Format{{Name: "own", Title: "Own", Render: func(e webhook.FormatEvent) (string, []byte, error) {
					return "text/plain", []byte(e.Title + " " + e.Type), nil
				}}}
				w.d = w.dispatcher()
				n, err := w.d.Recover(t.Context(), account, e.ID, time.Time{}, time.Time{}, 0)
				require.NoError(t, err)
				require.Equal(t, 20, n)
				w.run()
				w.drain()
				require.Equal(t, 20, rc.count())
				require.Equal(t, "Lead Scored lead.scored", rc.requests()[0].body)
				require.Equal(t, "text/plain", rc.requests()[0].header.Get("Content-Type"))
			})
		})
	}
}

// A process that does not know a format, as during a deployment, costs a retry
// and not the delivery.
func TestFormatThatIsNotKnownHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := webhook.Format{Name: "own", Title: "Own", Render: nothing}
		w := newWorld(t, webhook.Options{Formats: []webhook.Format{own}})
		e, rc := w.endpoint("own.example.com", func(e *webhook.Endpoint) { e.Format = "own" }, nil)
		w.opts.Formats = nil
		older := w.dispatcher()
		stop := w.runs(older)
		w.emit(1)
		time.Sleep(5 * time.Second)
		require.Zero(t, rc.count())
		r := w.log(e)[0]
		require.Equal(t, webhook.StatePending, r.State)
		require.Equal(t, webhook.ClassUnknownFormat, r.Attempts[0].Class)
		require.Contains(t, r.Attempts[0].Error, `"own" is not known`)
		old, err := older.Endpoint(t.Context(), account, e.ID)
		require.NoError(t, err)
		require.Equal(t, "own", old.SentAs)
		// It can still be renamed there.
		_, err = older.UpdateEndpoint(t.Context(), account, e.ID, 0, webhook.EndpointPatch{Name: webhook.Set("renamed")})
		require.NoError(t, err)
		require.NoError(t, stop())
		w.drain()
		require.Equal(t, 1, rc.count())
	})
}
