package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/console"
)

// What is wrong stands at its field, in words, and what was typed is kept.
func TestRefusedForm(t *testing.T) {
	w := newWorld(t, nil)
	rec := w.post("new", "name", "", "url", "http://crm.example.com/x", "secret", "short", "events", "lead.unknown",
		"headers", "Host: x\nno colon", "timeout_seconds", "soon", "per_second", "2,5", "in_order", "1")
	require.Equal(t, http.StatusUnprocessableEntity, rec.Code)
	page := rec.Body.String()
	for _, typed := range []string{`value="http://crm.example.com/x"`, `value="short"`, "no colon</textarea>", `value="soon"`, `value="2,5"`} {
		require.Contains(t, page, typed)
	}
	for _, want := range []string{"The headers have a line without a name and a colon", "The timeout is not a number", // what cannot be read,
		"The name is empty", "The URL has to start with https://", "The secret is 5 characters long"} { // and all the rest
		require.Contains(t, text(page), want)
	}
	require.NotContains(t, text(page), "The URL The URL")

	rec = w.post("new", "name", "", "url", "http://crm.example.com/x", "secret", "short")
	said := text(rec.Body.String())
	for _, want := range []string{"The name is empty", "must begin with https://", "The secret is 5 characters long; use at least 16", "Choose what it shall be sent for."} {
		require.Contains(t, said, want)
	}
	wrong := 0
	for _, tag := range parse(rec.Body.String()) {
		if tag.attrs["aria-invalid"] == "true" {
			wrong++
			require.Contains(t, rec.Body.String(), `id="`+strings.Fields(tag.attrs["aria-describedby"])[len(strings.Fields(tag.attrs["aria-describedby"]))-1]+`"`)
		}
	}
	require.Equal(t, 4, wrong)
	require.Contains(t, w.see(""), "No webhooks yet")

	fields := w.api("POST", "new", `{"name":"","url":"","events":[]}`, 422)["error"].(map[string]any)["fields"].([]any)
	require.Len(t, fields, 3)
}

// One field that cannot be read hides nothing of what is wrong with the others.
func TestAllMistakesAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	for _, path := range []string{"new", e.ID + "/edit", "new/test", e.ID + "/test"} {
		w.store.since()
		rec := w.post(path, "name", "", "url", "http://crm.example.com/x", "secret", "short", "max_in_flight", "0.5", "test_event", "lead.scored")
		require.Equal(t, http.StatusUnprocessableEntity, rec.Code)
		said := text(rec.Body.String())
		for _, want := range []string{"The name is empty", "The URL has to start with https://. ", "The secret is 5 characters long", "The number is not a whole number"} {
			require.Contains(t, said, want, path)
		}
		require.NotContains(t, said, "The URL The URL")
		require.Zero(t, changes(w.store.since()))
	}
}

// Recovering since a time wants the time: an empty one is not the beginning.
func TestRecoverWantsTheTime(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 500, "")
	w.happen(1)
	w.deliver()
	rec := w.post(e.ID+"/recover", "since", "custom", "since_time", "")
	require.Equal(t, http.StatusUnprocessableEntity, rec.Code)
	require.Contains(t, text(rec.Body.String()), "Enter a time, such as")
	require.Equal(t, 1, w.stored(e).Health.Undelivered)
	require.Equal(t, 200, w.post(e.ID+"/recover", "since", "").Code)
	require.Zero(t, w.stored(e).Health.Undelivered)
}

// The reason of an error names the URL that a redirect leads to.
func TestRedirectNamesItsTarget(t *testing.T) {
	w := newWorld(t, nil)
	w.network.Handle("old.example.com", http.RedirectHandler("https://new.example.com/hook", http.StatusMovedPermanently))
	e, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: w.account, Name: "Moved", URL: "https://old.example.com/hook", Events: []string{"lead.scored"}})
	require.NoError(t, err)
	w.happen(1)
	w.deliver()
	for _, path := range []string{"", e.ID} {
		require.Regexp(t, `answered 301 to https://new\.example\.com/hook; .*: enter that URL`, w.see(path))
	}
}

// The button makes a secret without JavaScript too, and saves nothing.
func TestGenerate(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	for _, path := range []string{"new", e.ID + "/edit"} {
		w.store.since()
		rec := w.post(path, "name", "Half", "url", "", "generate", "1")
		require.Equal(t, 200, rec.Code)
		require.Regexp(t, `value="whsec_[A-Za-z0-9+/&;#]+="`, rec.Body.String())
		require.Contains(t, rec.Body.String(), `value="Half"`)
		require.Zero(t, changes(w.store.since()))
	}
}

// The eleventh webhook is refused in words, and the page offers none.
func TestLimit(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 10 {
		w.add(fmt.Sprint("Webhook ", i), 200, "")
	}
	require.Contains(t, w.see(""), "10 of 10 used")
	require.NotContains(t, w.get("").Body.String(), `href="./new"`)
	rec := w.post("new", "name", "One more", "url", "https://a.example.com/", "events", "lead.scored")
	require.Equal(t, 422, rec.Code)
	require.Contains(t, text(rec.Body.String()), "Your account has its 10 webhooks already")
}

// Saving changes what was edited, and keeps what cannot be seen.
func TestEdit(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	page := w.get(e.ID + "/edit").Body.String()
	require.Contains(t, page, "X-Token: ••••••••")
	same := []string{"version", "1", "name", "Renamed", "url", e.URL, "events", "lead.scored", "enabled", "on"}
	rec := w.post(e.ID+"/edit", append(same, "headers", "X-Token: ••••••••\nX-New: 1")...)
	require.Equal(t, 303, rec.Code, rec.Body)
	got := w.stored(e)
	require.Equal(t, "Renamed", got.Name)
	require.Equal(t, map[string]string{"X-Token": "token-of-the-customer", "X-New": "1"}, got.Headers)
	require.True(t, got.HasSecret)

	rec = w.post(e.ID+"/edit", append(same, "headers", "")...)
	require.Equal(t, 409, rec.Code, "the version is old")
	require.Contains(t, text(rec.Body.String()), "It was changed meanwhile")
	require.Contains(t, rec.Body.String(), `name="version" value="2"`)
	same[1] = "2"
	require.Equal(t, 303, w.post(e.ID+"/edit", append(same, "remove_secret", "1")...).Code)
	got = w.stored(e)
	require.False(t, got.HasSecret)
	require.Empty(t, got.Headers)
	require.Equal(t, 422, w.post(e.ID+"/edit", append(same, "headers", "X-Other: ••••••••")...).Code, "there is no value to keep")

	w.api("POST", e.ID+"/edit", `{"headers":{"X-A":"1"},"timeout_seconds":5}`, 200)
	w.api("POST", e.ID+"/edit", `{"headers":{"X-A":null},"timeout_seconds":null}`, 200)
	require.Equal(t, map[string]string{"X-A": "1"}, w.stored(e).Headers)
	require.Zero(t, w.stored(e).Timeout)
	w.api("POST", e.ID+"/edit", `{"version":1,"name":"Late"}`, 409)
}

// An edit that is refused changes nothing, and so discards nothing of what waits.
func TestRefusedEditDiscardsNothing(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	w.happen(3)
	require.Equal(t, 303, w.post(e.ID+"/disable").Code)
	typed := []string{"name", "Ours", "events", "lead.scored", "headers", "X-Token: ••••••••", "enabled", "discard"}
	require.Equal(t, 422, w.post(e.ID+"/edit", append(typed, "url", "http://a.example.com/")...).Code)
	require.Equal(t, 409, w.post(e.ID+"/edit", append(typed, "url", e.URL, "version", "1")...).Code)
	require.Equal(t, 3, w.stored(e).Pending)
	require.Equal(t, 303, w.post(e.ID+"/edit", append(typed, "url", e.URL)...).Code)
	require.Zero(t, w.stored(e).Pending)
	require.True(t, w.stored(e).Enabled)
}

// A page that is asked for with a body of JSON says what is wrong, too.
func TestJSONBodyForAPage(t *testing.T) {
	w := newWorld(t, nil)
	for _, body := range []string{`{"name":""}`, `{"name":"x","headers":{"X-A":null}}`} {
		rec := w.send("POST", "new", "application/json", body, browser)
		require.Equal(t, 422, rec.Code)
		require.Contains(t, text(rec.Body.String()), "Please check these fields")
	}
	fields := w.api("POST", "new", `{"name":"","url":"https://a.example.com/","events":["lead.scored"],"headers":{"X-A":null}}`, 422)["error"].(map[string]any)["fields"].([]any)
	require.Len(t, fields, 2)
}

// A webhook that today's rules would refuse can still be renamed.
func TestOlderRules(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	var err error
	old := w.stored(e).Endpoint
	old.URL = "http://old.example.com/"
	_, err = w.store.PutEndpoint(t.Context(), old, 0)
	require.NoError(t, err)
	require.Equal(t, 303, w.post(e.ID+"/edit", "name", "Renamed", "url", "http://old.example.com/", "events", "lead.scored", "headers", "X-Token: ••••••••", "enabled", "on").Code)
	require.Equal(t, "Renamed", w.stored(e).Name)
}

// A test sends what is typed, and saves nothing of it.
func TestTestSend(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	other := w.add("Other", 503, "in repair")
	typed := []string{"name", "x", "url", other.URL, "events", "lead.scored", "test_event", "meeting.booked", "headers", "X-Token: ••••••••"}
	w.store.since()
	rec := w.post(e.ID+"/test", typed...)
	require.Equal(t, 200, rec.Code)
	require.Contains(t, text(rec.Body.String()), "your endpoint answered 503")
	require.Contains(t, text(rec.Body.String()), "in repair")
	require.Contains(t, rec.Body.String(), `value="`+other.URL+`"`)
	require.Zero(t, changes(w.store.since()))
	require.Equal(t, e.URL, w.stored(e).URL)

	w.header.Set("X-Console-Part", "live")
	rec = w.post("new/test", "url", e.URL, "name", "x", "events", "lead.scored", "test_event", "lead.scored")
	require.Contains(t, text(rec.Body.String()), "It works: your endpoint answered 200")
	require.NotContains(t, rec.Body.String(), "<html", "only the result, for the page that is there")
	rec = w.post("new/test", "url", "https://localhost/", "name", "x", "events", "lead.scored")
	require.Equal(t, 422, rec.Code)
	require.Contains(t, text(rec.Body.String()), "Nothing was sent")
	for range 12 {
		rec = w.post(e.ID+"/test", typed...)
	}
	require.Equal(t, http.StatusTooManyRequests, rec.Code)
	require.Contains(t, text(rec.Body.String()), "10 in the last minute is the limit", "in the place of the result, too")
	require.NotContains(t, rec.Body.String(), "<html")
	clear(w.header)
	require.Contains(t, text(w.post(e.ID+"/test", typed...).Body.String()), "10 in the last minute is the limit")
}

// What we disabled, the customer cannot enable.
func TestLocked(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	_, err := w.d.DisableEndpoint(t.Context(), "acme", e.ID, webhook.DisabledByOperator)
	require.NoError(t, err)
	for _, path := range []string{"", e.ID, e.ID + "/edit"} {
		page := w.get(path).Body.String()
		require.NotContains(t, page, "/enable", path)
		require.NotContains(t, page, `name="enabled"`, path)
	}
	require.Contains(t, w.see(""), "Disabled by us. Please contact support.")
	for _, waiting := range []string{"send", "discard"} {
		require.Equal(t, 409, w.post(e.ID+"/enable", "waiting", waiting).Code)
		require.Equal(t, "locked", w.api("POST", e.ID+"/edit", `{"enabled":true,"waiting":"`+waiting+`"}`, 409)["error"].(map[string]any)["code"])
	}
	require.Equal(t, 303, w.post(e.ID+"/edit", "name", "Renamed", "url", e.URL, "events", "lead.scored").Code)
	require.False(t, w.stored(e).Enabled)
	require.Equal(t, "Renamed", w.stored(e).Name)
}

// null is no way to disable a webhook.
func TestEnabledNull(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	w.api("POST", e.ID+"/edit", `{"enabled":null}`, 422)
	require.True(t, w.stored(e).Enabled)
}

// Enabling asks what shall become of what waited, and does that.
func TestEnableAsks(t *testing.T) {
	for _, waiting := range []string{"send", "discard"} {
		w := newWorld(t, nil)
		e := w.add("Ours", 200, "")
		w.happen(3)
		require.Equal(t, 303, w.post(e.ID+"/disable").Code)
		require.Equal(t, "../"+e.ID+"/enable", w.post(e.ID+"/enable").Header().Get("Location"))
		require.False(t, w.stored(e).Enabled)
		require.Contains(t, w.see(e.ID+"/enable"), "3 deliveries wait")
		require.Equal(t, "waiting", w.api("POST", e.ID+"/enable", `{}`, 409)["error"].(map[string]any)["code"])
		require.Equal(t, "waiting", w.api("POST", e.ID+"/edit", `{"enabled":true}`, 409)["error"].(map[string]any)["code"])
		require.Equal(t, 303, w.post(e.ID+"/enable", "waiting", waiting).Code)
		require.True(t, w.stored(e).Enabled)
		w.deliver()
		for _, d := range w.deliveries(e) {
			require.Equal(t, waiting == "send", d.State == webhook.StateDelivered)
		}
	}
}

// What was given up is sent again step by step, with its progress, and can be
// dismissed; one delivery can be sent again too.
func TestMending(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 500, "no")
	w.happen(6)
	w.deliver()
	require.Contains(t, w.see(""), "6 deliveries were never delivered")
	require.Contains(t, w.see(e.ID), "Your endpoint answered 500 four times; we gave up at")
	all := w.deliveries(e)

	rec := w.post(fmt.Sprint(e.ID, "/", all[0].ID, "/resend"))
	require.Equal(t, 303, rec.Code)
	require.Regexp(t, `^\.\./\.\./`+e.ID+`/\d+\?done=resent$`, rec.Header().Get("Location"))
	require.Equal(t, "pending", w.api("POST", fmt.Sprint(e.ID, "/", all[0].ID, "/resend"), "", 409)["error"].(map[string]any)["code"])
	require.Equal(t, 303, w.post(fmt.Sprint(e.ID, "/", all[1].ID, "/dismiss")).Code)
	require.Equal(t, 4, w.stored(e).Health.Undelivered)

	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	none := w.api("POST", e.ID+"/recover", `{"since":"`+later+`"}`, 200)
	require.EqualValues(t, 0, none["done"])
	require.EqualValues(t, 4, none["left"])
	first := w.api("POST", e.ID+"/recover", `{}`, 200)
	require.EqualValues(t, 4, first["step"])
	require.Equal(t, true, first["more"])
	last := w.api("POST", e.ID+"/recover", fmt.Sprintf(`{"until":%q,"done":4}`, first["until"]), 200)
	require.EqualValues(t, 4, last["done"])
	require.Equal(t, false, last["more"])
	w.deliver()
	require.Equal(t, 5, w.stored(e).Health.Undelivered, "the resend and those that were recovered died again")
	page := w.post(e.ID+"/recover", "since", "custom", "since_time", "2020-01-01T00:00")
	require.Contains(t, text(page.Body.String()), "5 deliveries are on the way again")
	require.Contains(t, page.Body.String(), `<progress max="5" value="5"`)
	require.Contains(t, page.Body.String(), `id="stop"`)
	require.Equal(t, 422, w.post(e.ID+"/recover", "since", "custom", "since_time", "yesterday").Code)
	require.Equal(t, 422, w.post(e.ID+"/recover", "since", "custom", "since_time", "").Code, "no time is not all of it")
	w.api("POST", e.ID+"/recover", `{"since":"yesterday"}`, 422)
	w.deliver()
	require.Equal(t, 303, w.post(e.ID+"/dismiss").Code)
	require.Zero(t, w.stored(e).Health.Undelivered)

	require.Equal(t, 303, w.post(e.ID+"/disable").Code)
	w.api("POST", e.ID+"/recover", `{}`, 409)
}

// Resends are bounded, since each is a request to somebody's server.
func TestResendsAreBounded(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	w.happen(1)
	w.deliver()
	n := w.deliveries(e)[0].ID
	codes := map[int]int{}
	for range 130 { // whatever minute it is, at most two of them begin here
		codes[w.post(fmt.Sprint(e.ID, "/", n, "/resend")).Code]++
	}
	require.NotZero(t, codes[http.StatusTooManyRequests])
	require.LessOrEqual(t, codes[303]+codes[409], 120)
}

// A list that is longer than a page is gone through page by page.
func TestPages(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	w.happen(60)
	w.deliver()
	seen, before := map[float64]bool{}, 0.0
	for range 3 {
		page := w.api("GET", fmt.Sprintf("%s?before=%d", e.ID, int(max(before, 1e9*b2f(before == 0)))), "", 200)
		for _, d := range page["deliveries"].([]any) {
			seen[d.(map[string]any)["id"].(float64)] = true
		}
		before = page["next_before"].(float64)
	}
	require.Len(t, seen, 60)
	require.Zero(t, before)
	require.Contains(t, w.get(e.ID).Body.String(), `href="?before=`)

	for _, query := range []string{"?before=x", "?before=-1", "?state=nonsense"} {
		require.Equal(t, 400, w.get(e.ID+query).Code)
	}
	require.Equal(t, 400, w.get("?after=x").Code)

	// More webhooks than a page has.
	d, err := webhook.New(w.store, &webhook.Options{EndpointLimit: func(string) int { return 1000 }})
	require.NoError(t, err)
	for i := range 30 {
		_, err := d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: "acme", Name: fmt.Sprint("More ", i), URL: "https://a.example.com/", Events: []string{"lead.scored"}})
		require.NoError(t, err)
	}
	w.page, err = console.New(d, w.who, nil)
	require.NoError(t, err)
	names, after := map[string]bool{}, ""
	for range 4 {
		page := w.api("GET", "?after="+after, "", 200)
		require.EqualValues(t, 31, page["used"])
		for _, h := range page["webhooks"].([]any) {
			names[h.(map[string]any)["name"].(string)] = true
		}
		after = page["next_after"].(string)
	}
	require.Len(t, names, 31)
	require.Empty(t, after)
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
