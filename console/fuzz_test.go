package console_test

import (
	"encoding/json"
	"maps"
	"mime"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
)

// fuzzed is a world with the same in two accounts: a webhook that missed one
// event and has another one to come. They are acme's and globex's.
func fuzzed(t *testing.T) (w *world, ours, theirs webhook.Endpoint) {
	w = newWorld(t, nil)
	for _, w.account = range []string{"globex", "acme"} {
		theirs, ours = ours, w.add("Ours", 200, "ok")
		_, err := w.d.DisableEndpoint(t.Context(), w.account, ours.ID, webhook.DisabledByEngine)
		require.NoError(t, err)
		w.happen(1)
		_, err = w.d.EnableEndpoint(t.Context(), w.account, ours.ID)
		require.NoError(t, err)
		w.happen(1)
	}
	return w, ours, theirs
}

// all is what is stored of an account.
func (w *world) all(account string) (endpoints []webhook.EndpointRecord, deliveries []webhook.DeliveryRecord) {
	endpoints, err := w.store.Store.Endpoints(w.Context(), webhook.EndpointQuery{Account: account, Limit: 100})
	require.NoError(w, err)
	for _, e := range endpoints {
		found, err := w.store.Store.Deliveries(w.Context(), webhook.DeliveryQuery{Account: account, Endpoint: e.ID, Limit: 100})
		require.NoError(w, err)
		deliveries = append(deliveries, found...)
	}
	return endpoints, deliveries
}

// disabled, added to the number of a path, has the webhook disabled before.
const disabled = 128

// judged posts a body to one of the paths. Whatever it is, it is done or
// refused: nothing fails, what is refused changes nothing, what is done makes
// no webhook that the rules refuse, no other account sees any of it, and no
// secret comes out.
func judged(t *testing.T, route uint8, contentType, body string, page bool) {
	w, ours, theirs := fuzzed(t)
	waits, missed := w.deliveries(ours)[0], w.deliveries(ours)[1]
	_, posts := pages(ours.ID, missed.ID)
	_, more := pages(ours.ID, waits.ID)
	_, foreign := pages(theirs.ID, w.deliveries(theirs)[1].ID)
	posts = slices.Concat(posts, more[14:16], foreign[3:])
	path := posts[int(route%disabled)%len(posts)]
	if route >= disabled {
		_, err := w.d.DisableEndpoint(t.Context(), "acme", ours.ID, webhook.DisabledByCustomer)
		require.NoError(t, err)
	}
	accept := "application/json"
	if page {
		accept = browser
	}
	endpoints, deliveries := w.all("acme")
	othersEndpoints, othersDeliveries := w.all("globex")

	rec := w.send("POST", path, contentType, body, accept)
	if rec.Code >= 500 || rec.Code < 200 {
		t.Errorf("%s: %d: %s", path, rec.Code, rec.Body)
	}
	if strings.HasPrefix(path, theirs.ID) && rec.Code < 400 {
		t.Errorf("%s belongs to another account, and is answered %d: %s", path, rec.Code, rec.Body)
	}
	if strings.Contains(rec.Body.String(), secret) || strings.Contains(rec.Body.String(), "token-of-the-customer") {
		t.Errorf("%s shows what is secret", path)
	}
	switch kind, _, _ := mime.ParseMediaType(rec.Header().Get("Content-Type")); {
	case rec.Code == 303 && page:
	case page != (kind == "text/html"):
		t.Errorf("%s: the answer to %s is %q", path, accept, kind)
	case !page && !json.Valid(rec.Body.Bytes()):
		t.Errorf("%s: no JSON: %s", path, rec.Body)
	}
	if rec.Code >= 400 && !page {
		var out struct {
			Error struct{ Code, Message string }
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil || out.Error.Code == "" || out.Error.Message == "" {
			t.Errorf("%s: %d without a reason: %s", path, rec.Code, rec.Body)
		}
	}
	nowEndpoints, nowDeliveries := w.all("globex")
	require.Equal(t, othersEndpoints, nowEndpoints, "%s changed another account", path)
	require.Equal(t, othersDeliveries, nowDeliveries, "%s changed another account", path)
	nowEndpoints, nowDeliveries = w.all("acme")
	if rec.Code >= 400 || strings.HasSuffix(path, "/test") || strings.HasSuffix(path, "/preview") {
		require.Equal(t, endpoints, nowEndpoints, "%s was answered %d and changed something", path, rec.Code)
		require.Equal(t, deliveries, nowDeliveries, "%s was answered %d and changed something", path, rec.Code)
	}
	for _, e := range nowEndpoints {
		if e.Timeout != 0 && !(e.Timeout >= time.Second && e.Timeout <= time.Minute) || !(e.PerSecond >= 0 && e.PerSecond <= 10_000) || e.MaxInFlight < 0 || e.MaxInFlight > 1000 ||
			strings.TrimSpace(e.Name) == "" || !strings.HasPrefix(e.URL, "https://") || len(e.Events) != 1 || e.Secret != "" && len(e.Secret.Reveal()) < webhook.MinSecretLength ||
			time.Until(e.OldSecretUntil) > 720*time.Hour {
			t.Errorf("%s has made %+v", path, e.Endpoint)
		}
	}
}

// FuzzForm sends forms to everything that takes one.
func FuzzForm(f *testing.F) {
	// A form that is right but for one field, and what other questions ask.
	right := map[string]string{"name": "CRM", "url": "https://host-1.example.com/hook", "events": "lead.scored", "headers": "X-Token: ••••••••\nX-New: 1", "enabled": "on"}
	var bodies []string
	add := func(but map[string]string) {
		typed := maps.Clone(right)
		maps.Copy(typed, but)
		var pairs []string
		for name, value := range typed {
			pairs = append(pairs, name, value)
		}
		bodies = append(bodies, form(pairs...))
	}
	for field, values := range map[string][]string{
		"":                {""},
		"name":            {"", " ", "x\x00", "\xff", strings.Repeat("é", 101), "<script>alert(1)</script>"},
		"url":             {"", "http://crm.example.com/x", "https://localhost/", "https://10.0.0.1/", "https://user:secret@x.example.com/", "https://hooks.slack.com/services/T0/B0/x", "//x", "https://[::1]/", "https://x.example.com/\r\nX: y"},
		"secret":          {"short", "a-secret-that-was-typed", "whsec_AAAA", " a-secret-with-white-space "},
		"events":          {"", "lead.unknown", "meeting.booked"},
		"format":          {"slack", "telegram"},
		"headers":         {"", "no colon", "Host: x", "X-Other: ••••••••", ": x", "X-A: 1\nx-a: 2", "Content-Length: 0"},
		"timeout_seconds": {"NaN", "Inf", "1e999", "1,5", "-1", "1e-300", "soon"},
		"per_second":      {"NaN", "-Inf", "0,5", "1e6"},
		"max_in_flight":   {"NaN", "0.5", "1e6", "-1", "abc"},
		"overlap_hours":   {"24", "NaN", "1e6", "1e-300", "abc"},
		"enabled":         {"off", "discard", "x"},
		"version":         {"9", "x", "-1"},
		"waiting":         {"send", "discard"},
		"since":           {"2020-01-01T00:00:00Z", "custom", "yesterday", "0000-01-01T00:00:00Z"},
		"since_time":      {"2020-01-01T00:00"},
		"until":           {"9999-12-31T23:59:59Z", "x"},
		"test_event":      {"lead.scored", "x"},
		"generate":        {"1"},
		"remove_secret":   {"1"},
		"in_order":        {"1"},
		"from":            {"list"},
		"done":            {"-9223372036854775808"},
	} {
		for _, value := range values {
			add(map[string]string{field: value})
		}
	}
	for field, value := range map[string]string{"url": "http://crm.example.com/x", "version": "9"} { // refused after it was asked to discard
		add(map[string]string{"enabled": "discard", field: value})
	}
	bodies = append(bodies, "", "%zz", "a;b", "name", "&=&", "events=lead.scored&events=lead.scored", "secret=short&remove_secret=1")
	slices.Sort(bodies) // the same seeds each time
	seed(f, bodies, "")
	f.Fuzz(func(t *testing.T, route uint8, body string, page bool) {
		judged(t, route, "application/x-www-form-urlencoded", body, page)
	})
}

// seed begins with bodies at the routes that take most, and an empty one at all.
func seed(f *testing.F, bodies []string, empty string) {
	for i, body := range bodies {
		for _, route := range []int{0, 3, 3 + disabled, 8, i % 33} { // new, edit, rotate, and another one
			f.Add(uint8(route), body, i%2 == 0)
		}
	}
	for route := range uint8(33) {
		f.Add(route, empty, false)
		f.Add(route, empty, true)
	}
}

// FuzzJSON does the same with bodies of JSON.
func FuzzJSON(f *testing.F) {
	bodies := []string{"", "{}", "null", "[]", "{", "{}{}", `{"nonsense":1}`, `{"name":"","url":"","events":[]}`, `{"name":"x","headers":{"X-A":null}}`,
		`{"headers":{"X-Token":null,"X-New":"1"},"timeout_seconds":5}`, `{"headers":null,"secret":null,"timeout_seconds":null,"max_in_flight":null,"per_second":null}`,
		`{"version":9,"name":"Late"}`, `{"enabled":null}`, `{"enabled":true}`, `{"enabled":false,"waiting":"discard"}`, `{"timeout_seconds":1e308}`, `{"timeout_seconds":1e-300}`, `{"per_second":1e999}`,
		`{"max_in_flight":1.5}`, `{"max_in_flight":9223372036854775807}`, `{"overlap_hours":-1e308,"secret":"short"}`, `{"overlap_hours":1e-300}`, `{"secret":"a-secret-that-was-typed"}`, `{"secret":"\ud800a-secret-that-was-typed"}`,
		`{"test_event":"lead.scored","url":"https://localhost/"}`, `{"test_event":"x"}`, `{"since":"custom"}`, `{"since":"2020-01-01T00:00:00Z","until":"9999-12-31T23:59:59.999999999Z","done":-1}`, `{"waiting":"discard"}`,
		`{"enabled":true,"waiting":"discard","url":"http://crm.example.com/x"}`, `{"enabled":true,"waiting":"send"}`, `{"enabled":true,"waiting":"discard","version":9}`,
		`{"NAME":"x","name":"y"}`, `{"format":null,"url":"https://hooks.slack.com/services/T0/B0/x"}`, `{"name":"x","url":"https://host-1.example.com/hook","events":["lead.scored"],"generate_secret":true,"in_order":true}`}
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	text, err := os.ReadFile("openapi.json")
	require.NoError(f, err)
	require.NoError(f, json.Unmarshal(text, &doc))
	documented := 0
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		var op struct {
			RequestBody struct {
				Content map[string]struct{ Example json.RawMessage }
			}
		}
		if raw := doc.Paths[path]["post"]; raw != nil {
			require.NoError(f, json.Unmarshal(raw, &op))
		}
		if example := op.RequestBody.Content["application/json"].Example; example != nil {
			bodies = append(bodies, string(example))
			documented++
		}
	}
	require.Greater(f, documented, 5)
	seed(f, bodies, "{}")
	f.Fuzz(func(t *testing.T, route uint8, body string, page bool) {
		judged(t, route, "application/json", body, page)
	})
}
