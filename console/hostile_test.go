package console_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/console"
	"github.com/autoreach/webhook/events"
)

// hostile are values that customers, endpoints and hosts can bring in.
func hostile(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("testdata/console_payloads.jsonl")
	require.NoError(t, err)
	defer f.Close()
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		var row struct{ Value string }
		require.NoError(t, json.Unmarshal(s.Bytes(), &row))
		out = append(out, row.Value)
	}
	require.Greater(t, len(out), 15)
	return append(out, `" onmouseover="alert(1)`, `' autofocus onfocus='alert(1)`, "`${alert(1)}`", "{{.}}", "</pre><img src=x onerror=alert(1)>",
		"<!--", "]]>", "&lt;b&gt;", "\u202eexe.cod", strings.Repeat("<b>", 30))
}

var ownLink = regexp.MustCompile(`^(\.\.?/[-./a-z0-9]*([?][-=&a-z0-9]*)?|\?[-=&a-z0-9]*|#[a-z_-]+|[a-z-]+(#[a-z]+)?)$`)

// Whatever is stored is shown as text: no element, no attribute and no link of
// a page stems from it.
func TestHostileValuesAreText(t *testing.T) {
	benign := hostilePages(t, "harmless")
	shapes := map[string][]string{}
	for path, page := range benign {
		shapes[path] = skeleton(page)
	}
	for _, value := range hostile(t) {
		got := hostilePages(t, value)
		require.Equal(t, len(benign), len(got))
		for path, page := range got {
			if got := skeleton(page); !slices.Equal(got, shapes[path]) {
				require.Equal(t, shapes[path], got, "%q changes %s", value, path)
			}
			for _, tag := range parse(page) {
				for _, a := range []string{"href", "src", "action", "formaction"} {
					if to := tag.attrs[a]; to != "" {
						require.True(t, ownLink.MatchString(to), "%q makes the link %s on %s", value, to, path)
					}
				}
			}
		}
	}
}

// hostilePages are pages that show the value wherever something stored is
// shown.
func hostilePages(t *testing.T, value string) map[string]string {
	w := newWorld(t, nil)
	w.account = printable(value)
	mine := events.Of("order.paid", value, value, func() map[string]string { return map[string]string{"note": value} })
	w.network.Handle("evil.example.com", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Evil", strings.Map(visible, value))
		rw.Header().Set("Location", "https://other.example.com/"+strings.Map(visible, value))
		rw.Header().Set("Set-Cookie", "session=evil; Path=/")
		rw.WriteHeader(301)
		_, _ = io.WriteString(rw, value)
	}))
	var err error
	w.d, err = webhook.New(w.store, &webhook.Options{Transport: w.network.Transport(), Retry: webhook.Schedule{}, Events: []events.Type{mine}})
	require.NoError(t, err)
	page, err := console.New(w.d, w.who, nil)
	require.NoError(t, err)
	w.page = http.StripPrefix(strings.TrimSuffix(mount, "/"), page)
	ctx := webhook.WithActor(t.Context(), printable(value))
	e, err := w.d.CreateEndpoint(ctx, webhook.Endpoint{Account: w.account, Name: printable(value), Events: []string{"order.paid"}, Secret: secret,
		URL: "https://evil.example.com/?" + strings.ReplaceAll(form("q", value), "+", "%20"), Headers: map[string]string{"X-Note": strings.Map(visible, value)}})
	require.NoError(t, err)
	_, err = w.d.Emit(ctx, webhook.Event{Account: w.account, Type: "order.paid", Data: map[string]string{"note": value}})
	require.NoError(t, err)
	w.deliver()
	n := w.deliveries(e)[0].ID
	gets, posts := pages("ID", n)
	out := map[string]string{}
	keep := func(key string, rec interface {
		Result() *http.Response
	}, body string) {
		require.Empty(t, rec.Result().Header.Values("Set-Cookie"), key)
		if !strings.HasPrefix(rec.Result().Header.Get("Content-Type"), "text/html") {
			return
		}
		out[key] = body
	}
	typed := []string{"name", printable(value), "url", value, "events", value, "secret", "long enough for one: " + value, "headers", "no colon\n" + value, "timeout_seconds", value,
		"per_second", value, "max_in_flight", value, "since", "custom", "since_time", value, "overlap_hours", "24"}
	for _, path := range gets {
		rec := w.get(strings.Replace(path, "ID", e.ID, 1))
		keep(path, rec, strings.ReplaceAll(rec.Body.String(), e.ID, "0123"))
	}
	for _, path := range posts[:6] {
		rec := w.post(strings.Replace(path, "ID", e.ID, 1), typed...)
		keep("POST "+path, rec, strings.ReplaceAll(rec.Body.String(), e.ID, "0123"))
	}
	// A space in front is refused of every secret, so that each page has both errors.
	rec := w.post(e.ID+"/rotate", "secret", " "+value, "overlap_hours", "hours: "+value)
	require.Equal(t, 422, rec.Code)
	keep("POST ID/rotate", rec, strings.ReplaceAll(rec.Body.String(), e.ID, "0123"))
	for _, path := range []string{"ID/test", "ID/preview"} {
		rec := w.post(strings.Replace(path, "ID", e.ID, 1), "name", e.Name, "url", e.URL, "events", "order.paid", "test_event", "order.paid", "headers", "X-Note: ••••••••")
		require.Equal(t, 200, rec.Code)
		keep("valid POST "+path, rec, strings.ReplaceAll(rec.Body.String(), e.ID, "0123"))
	}
	require.Greater(t, len(out), 15)
	require.Contains(t, text(out["ID/"+itoa(n)]), strings.Join(strings.Fields(value), " "), "the answer is shown")
	return out
}

func itoa(n int64) string { b, _ := json.Marshal(n); return string(b) }

// printable is a value as a name may hold it.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return 'x'
		}
		return r
	}, s)
	return s[:min(len(s), 90)]
}

func visible(r rune) rune {
	if r < ' ' || r >= 0x7f {
		return -1
	}
	return r
}

// A payload is a file for reading, never a page.
func TestPayloadIsAnAttachment(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	w.happen(1)
	w.deliver()
	d := w.deliveries(e)[0]
	full, err := w.d.Delivery(t.Context(), "acme", d.ID)
	require.NoError(t, err)
	for _, accept := range []string{browser, "application/json"} {
		rec := w.send("GET", e.ID+"/"+itoa(d.ID)+"/payload", "", "", accept)
		require.Equal(t, "text/plain; charset=utf-8", rec.Header().Get("Content-Type"))
		require.Regexp(t, `^attachment; filename="payload-[-0-9a-f]+\.txt"$`, rec.Header().Get("Content-Disposition"))
		require.Equal(t, "nosniff", rec.Header().Get("X-Content-Type-Options"))
		require.Equal(t, full.Body, rec.Body.Bytes(), "byte for byte")
	}
}
