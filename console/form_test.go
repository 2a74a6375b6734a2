package console_test

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/console"
	"github.com/autoreach/webhook/events"
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

// What is no number is refused at its field, in words, and is not the default.
func TestNumbers(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	before := w.stored(e)
	saved := []string{"new", e.ID + "/edit", "new/test", e.ID + "/test", "new/preview", e.ID + "/preview"}
	for _, field := range []struct {
		name, refused, says string
		paths               []string
	}{
		{"timeout_seconds", "timeout_seconds", "The timeout is", saved},
		{"per_second", "per_second", "The rate is", saved},
		{"max_in_flight", "max_in_flight", "The number is", saved},
		{"overlap_hours", "overlap", "The overlap is", []string{e.ID + "/rotate"}},
	} {
		for _, typed := range []string{"NaN", "nan", "Inf", "-Inf", "infinity", "1e999", "-1e999", "1e7", "-1e7", "abc", "1,5,5", "1 h"} {
			for _, path := range field.paths {
				at := path + " " + field.name + " " + typed
				body := form("name", "Ours", "url", e.URL, "events", "lead.scored", "headers", "", field.name, typed)
				w.store.since()
				rec := w.send("POST", path, "application/x-www-form-urlencoded", body, "application/json")
				require.Equal(t, 422, rec.Code, at)
				require.JSONEq(t, `{"error":{"code":"invalid","message":"Please check what you entered.","fields":[
					{"field":"`+field.refused+`","code":"malformed","bound":"","message":"is not a number that can be used here"}]}}`, rec.Body.String(), at)
				rec = w.send("POST", path, "application/x-www-form-urlencoded", body, browser)
				require.Equal(t, 422, rec.Code, at)
				require.Contains(t, text(rec.Body.String()), field.says+" not a number that can be used here.", at)
				require.Contains(t, values(rec.Body.String())+" ", " "+typed+" ", "what was typed is kept: %s", at)
				require.Zero(t, changes(w.store.since()), at)
			}
		}

		// JSON has no such numbers.
		for _, value := range []string{"NaN", "Infinity", "1e999", `"1"`, `"abc"`} {
			w.store.since()
			for _, path := range field.paths {
				refused := w.api("POST", path, `{"`+field.name+`":`+value+`}`, 400)["error"].(map[string]any)
				require.Equal(t, "json", refused["code"], "%s %s %s", path, field.name, value)
			}
			require.Zero(t, changes(w.store.since()))
		}
	}
	require.Equal(t, before, w.stored(e))
	require.Len(t, w.api("GET", "", "", 200)["webhooks"], 1)
}

// What is out of bounds is refused however far out it is: too small to be told
// from 0, which is the default, or too big for the type that it is kept in.
func TestNumbersOutOfBounds(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	before := w.stored(e)
	for _, c := range []struct{ path, field, value, refused string }{
		{"/edit", "timeout_seconds", "1e-300", "timeout"},
		{"/edit", "timeout_seconds", "-1e-300", "timeout"},
		{"/edit", "timeout_seconds", "0.5", "timeout"},
		{"/edit", "timeout_seconds", "1e6", "timeout"},
		{"/edit", "timeout_seconds", "-1e6", "timeout"},
		{"/edit", "per_second", "1e-300", "per_second"},
		{"/edit", "per_second", "1e6", "per_second"},
		{"/edit", "max_in_flight", "1000000", "max_in_flight"},
		{"/edit", "max_in_flight", "-1", "max_in_flight"},
		{"/rotate", "overlap_hours", "1e-300", "overlap"},
		{"/rotate", "overlap_hours", "-1e-300", "overlap"},
		{"/rotate", "overlap_hours", "1e6", "overlap"},
		{"/rotate", "overlap_hours", "-1e6", "overlap"},
	} {
		bodies := []string{form("name", "Ours", "url", e.URL, "events", "lead.scored", c.field, c.value)}
		if c.path == "/rotate" || c.value != "1e6" { // one that is JSON of the same kind
			bodies = append(bodies, `{"`+c.field+`":`+c.value+`}`)
		}
		for i, body := range bodies {
			rec := w.send("POST", e.ID+c.path, []string{"application/x-www-form-urlencoded", "application/json"}[i], body, "application/json")
			require.Equal(t, 422, rec.Code, "%s", body)
			require.Contains(t, rec.Body.String(), `{"field":"`+c.refused+`","code":"range"`, body)
		}
	}
	for _, body := range []string{`{"timeout_seconds":1e308}`, `{"timeout_seconds":-1e308}`, `{"per_second":1e308}`, `{"max_in_flight":9223372036854775807}`} {
		w.api("POST", e.ID+"/edit", body, 422)
	}
	for _, body := range []string{`{"overlap_hours":1e308}`, `{"overlap_hours":-1e308}`} {
		w.api("POST", e.ID+"/rotate", body, 422)
	}
	for _, body := range []string{`{"max_in_flight":9223372036854775808}`, `{"max_in_flight":1.5}`} {
		w.api("POST", e.ID+"/edit", body, 400)
	}
	require.Equal(t, before, w.stored(e))
}

// A number may have a comma, in all fields alike.
func TestCommas(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	typed := []string{"name", "Ours", "url", e.URL, "events", "lead.scored", "enabled", "on"}
	require.Equal(t, 303, w.post(e.ID+"/edit", append(typed, "timeout_seconds", "1,5", "per_second", " 2,5 ", "max_in_flight", "3,0")...).Code)
	got := w.stored(e)
	require.Equal(t, 1500*time.Millisecond, got.Timeout)
	require.Equal(t, 2.5, got.PerSecond)
	require.Equal(t, 3, got.MaxInFlight)
	require.Contains(t, text(w.post(e.ID+"/edit", append(typed, "max_in_flight", "1,5")...).Body.String()), "The number is not a whole number.")
	for hours, want := range map[string]time.Duration{"1,5": 90 * time.Minute, "0.5": 30 * time.Minute, "720": 720 * time.Hour, "": 24 * time.Hour} {
		require.Equal(t, 200, w.post(e.ID+"/rotate", "overlap_hours", hours).Code, hours)
		require.InDelta(t, want.Seconds(), time.Until(w.stored(e).OldSecretUntil).Seconds(), 60, hours)
	}
}

// A rotation that is refused says all that is wrong, and keeps what was typed.
func TestRefusedRotation(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	before := w.stored(e)
	for _, c := range []struct{ hours, secret, selected, says string }{
		{"abc", "short", "abc", "The overlap is not a number that can be used here."},
		{"abc", "short", "abc", "The secret is 5 characters long; use at least 16, or let one be generated."},
		{"NaN", "a-secret-that-was-typed", "NaN", "The overlap is not a number that can be used here."},
		{"721", "a-secret-that-was-typed", "721", "The overlap is 721h0m0s; use one minute to 30 days."},
		{" 0,01 ", "a-secret-that-was-typed", "0,01", "The overlap is 36s; use one minute to 30 days."},
		{"72", "short", "72", "The secret is 5 characters long; use at least 16, or let one be generated."},
		{"", "short", "24", "The secret is 5 characters long; use at least 16, or let one be generated."},
	} {
		rec := w.post(e.ID+"/rotate", "overlap_hours", c.hours, "secret", c.secret)
		require.Equal(t, 422, rec.Code, c.hours)
		require.Contains(t, text(rec.Body.String()), c.says)
		require.Contains(t, rec.Body.String(), `value="`+c.secret+`"`)
		var selected []string
		for _, tag := range parse(rec.Body.String()) {
			if _, ok := tag.attrs["selected"]; ok {
				selected = append(selected, tag.attrs["value"])
			}
		}
		require.Equal(t, []string{c.selected}, selected)
	}
	rec := w.send("POST", e.ID+"/rotate", "application/json", `{"overlap_hours":721}`, browser)
	require.Equal(t, 422, rec.Code)
	require.Contains(t, rec.Body.String(), `<option value="721" selected>`)
	fields := w.api("POST", e.ID+"/rotate", `{"overlap_hours":721,"secret":"short"}`, 422)["error"].(map[string]any)["fields"].([]any)
	require.Len(t, fields, 2)
	require.Equal(t, before, w.stored(e))
	require.Contains(t, w.get(e.ID+"/rotate").Body.String(), `<option value="24" selected>`)
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

// null is no way to disable a webhook, nor is any word but one.
func TestEnabledNull(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	w.api("POST", e.ID+"/edit", `{"enabled":null}`, 422)
	typed := []string{"name", "Ours", "url", e.URL, "events", "lead.scored", "headers", "X-Token: ••••••••", "enabled"}
	for _, word := range []string{"true", "1", "ON", "send", "x"} {
		require.Equal(t, 400, w.post(e.ID+"/edit", append(typed, word)...).Code, word)
	}
	require.Equal(t, 303, w.post(e.ID+"/edit", append(typed, "on")...).Code)
	require.True(t, w.stored(e).Enabled)
	require.Equal(t, 303, w.post(e.ID+"/edit", append(typed, "off")...).Code)
	require.False(t, w.stored(e).Enabled)
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

// A repeat of a call whose answer was lost, or somebody else's answer to the same
// question, discards nothing of what is enabled by now.
func TestDiscardOfWhatIsEnabled(t *testing.T) {
	for what, enable := range map[string]func(w *world, id, version string) int{
		"the question": func(w *world, id, version string) int {
			return w.post(id+"/enable", "waiting", "discard", "version", version).Code
		},
		"no version": func(w *world, id, _ string) int { return w.post(id+"/enable", "waiting", "discard").Code },
		"JSON": func(w *world, id, version string) int {
			return w.send("POST", id+"/enable", "application/json", `{"waiting":"discard","version":`+version+`}`, "application/json").Code
		},
		"an edit": func(w *world, id, _ string) int {
			return w.send("POST", id+"/edit", "application/json", `{"enabled":true,"waiting":"discard"}`, "application/json").Code
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, nil)
			e := w.add("Ours", 200, "")
			w.happen(3)
			require.Equal(t, 303, w.post(e.ID+"/disable").Code)
			version := fmt.Sprint(w.stored(e).Version)
			require.Less(t, enable(w, e.ID, version), 400)
			require.Zero(t, w.stored(e).Pending)
			w.happen(2)
			for range 2 {
				require.Less(t, enable(w, e.ID, version), 400, "it is as it was asked for")
				require.Equal(t, 2, w.stored(e).Pending)
			}
			require.True(t, w.stored(e).Enabled)
		})
	}
}

// The answer to a question is not that to a later one: what waits by now is not
// what it was about.
func TestStaleEnable(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	w.happen(1)
	require.Equal(t, 303, w.post(e.ID+"/disable").Code)
	seen := fmt.Sprint(w.stored(e).Version)
	require.Contains(t, w.get(e.ID+"/enable").Body.String(), `name="version" value="`+seen+`"`)
	require.Equal(t, 303, w.post(e.ID+"/enable", "waiting", "send", "version", seen).Code)
	w.happen(2)
	require.Equal(t, 303, w.post(e.ID+"/disable").Code)
	for _, waiting := range []string{"discard", "send"} {
		require.Equal(t, 409, w.post(e.ID+"/enable", "waiting", waiting, "version", seen).Code)
		w.api("POST", e.ID+"/enable", `{"waiting":"`+waiting+`","version":`+seen+`}`, 409)
	}
	require.False(t, w.stored(e).Enabled)
	require.Equal(t, 3, w.stored(e).Pending)
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

// The bound is each account's own, and is over with the minute.
func TestResendsAreBoundedByAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		paths := map[string]string{}
		for _, w.account = range []string{"acme", "globex"} {
			e := w.add("Ours", 200, "")
			w.happen(1)
			w.deliver()
			paths[w.account] = fmt.Sprint(e.ID, "/", w.deliveries(e)[0].ID, "/resend")
		}
		resend := func(account string) int {
			w.account = account
			return w.post(paths[account]).Code
		}
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
		require.Equal(t, 303, resend("acme"))
		for range 59 {
			require.Equal(t, 409, resend("acme"), "it is on its way, and that was asked for")
		}
		w.deliver()
		for range 3 {
			require.Equal(t, http.StatusTooManyRequests, resend("acme"))
		}
		refused := w.api("POST", paths["acme"], "", 429)["error"].(map[string]any)
		require.Equal(t, "busy", refused["code"])
		require.Equal(t, "You sent 60 again within a minute. Wait a moment, or use Send again on the webhook's page for all of them.", refused["message"])
		require.Equal(t, 303, resend("globex"), "it did nothing yet")

		time.Sleep(59 * time.Second)
		require.Equal(t, http.StatusTooManyRequests, resend("acme"))
		time.Sleep(time.Second)
		require.Equal(t, 303, resend("acme"))
	})
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

// A form of a rotation that is sent twice, by a double click or because the first
// answer got lost, is one rotation: the first secret goes on signing. And the
// command that the answer has shows no stored header.
func TestRotatedTwice(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	page := w.get(e.ID + "/rotate").Body.String()
	next := regexp.MustCompile(`name="made" value="(whsec_[^"]+)"`).FindStringSubmatch(page)
	require.NotNil(t, next, page)
	made := html.UnescapeString(next[1])
	for range 2 {
		rec := w.post(e.ID+"/rotate", "overlap_hours", "24", "secret", "", "made", made)
		require.Equal(t, 200, rec.Code)
		require.Contains(t, html.UnescapeString(rec.Body.String()), made)
		require.NotContains(t, rec.Body.String(), "token-of-the-customer")
		require.Contains(t, rec.Body.String(), "your-value")
	}
	stored, err := w.store.Endpoints(t.Context(), webhook.EndpointQuery{Account: e.Account, ID: e.ID})
	require.NoError(t, err)
	require.Equal(t, secret, stored[0].OldSecret.Reveal())
	require.Equal(t, made, stored[0].Secret.Reveal())
	require.NotContains(t, w.get(e.ID+"/rotate").Body.String(), next[1], "each form has its own")
}

// A form of a rotation that was opened before others of the webhook's changes is
// not followed: it would bring an older secret back, or do nothing and say it did.
func TestStaleRotation(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	for _, name := range []string{"Once", "Twice"} {
		_, err := w.d.UpdateEndpoint(t.Context(), e.Account, e.ID, 0, webhook.EndpointPatch{Name: webhook.Set(name)})
		require.NoError(t, err)
	}
	before := w.stored(e)
	rec := w.post(e.ID+"/rotate", "overlap_hours", "24", "made", webhook.GenerateSecret().Reveal(), "version", fmt.Sprint(e.Version))
	require.Equal(t, http.StatusConflict, rec.Code)
	require.Equal(t, before, w.stored(e))
	require.Contains(t, w.get(e.ID+"/rotate").Body.String(), fmt.Sprintf(`name="version" value="%d"`, before.Version))
}

// What the operator disables while a customer enables stays so, and nothing of
// what waits is discarded for an enable that does not come about.
func TestEnabledMeanwhile(t *testing.T) {
	for what, enable := range map[string]func(w *world, e webhook.Endpoint) int{
		"the question": func(w *world, e webhook.Endpoint) int { return w.post(e.ID+"/enable", "waiting", "discard").Code },
		"the form": func(w *world, e webhook.Endpoint) int {
			return w.send("POST", e.ID+"/edit", "application/json", `{"enabled":true,"waiting":"discard"}`, "application/json").Code
		},
		"without discarding": func(w *world, e webhook.Endpoint) int {
			return w.send("POST", e.ID+"/edit", "application/json", `{"enabled":true,"waiting":"send"}`, "application/json").Code
		},
	} {
		for _, at := range []string{"Endpoints", "Dismiss"} {
			t.Run(what+" at "+at, func(t *testing.T) {
				w := newWorld(t, nil)
				e := w.add("Ours", 200, "")
				w.happen(2)
				_, err := w.d.DisableEndpoint(t.Context(), e.Account, e.ID, webhook.DisabledByCustomer)
				require.NoError(t, err)
				operator := sync.OnceFunc(func() {
					d, err := webhook.New(w.store.Store, nil)
					require.NoError(t, err)
					_, err = d.DisableEndpoint(t.Context(), e.Account, e.ID, webhook.DisabledByOperator)
					require.NoError(t, err)
				})
				w.store.after(at, operator)
				code := enable(w, e)
				w.store.after("", nil)
				if what == "without discarding" && at == "Dismiss" {
					require.Equal(t, 200, code, "nothing came between")
					return
				}
				require.Equal(t, http.StatusConflict, code)
				r := w.stored(e)
				require.False(t, r.Enabled)
				require.Equal(t, webhook.DisabledByOperator, r.DisabledBy)
				if at == "Endpoints" {
					require.Equal(t, 2, r.Pending)
				}
			})
		}
	}
}

// One that cannot be decrypted here is not enabled, and what waits for it stays.
func TestEnableUnreadable(t *testing.T) {
	w := newWorld(t, nil)
	key, err := webhook.NewEncryptionKey(make([]byte, 32))
	require.NoError(t, err)
	d, err := webhook.New(w.store, &webhook.Options{EncryptionKeys: []webhook.EncryptionKey{key}})
	require.NoError(t, err)
	e, err := d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: w.account, Name: "Sealed", URL: "https://crm.example.com/hook", Events: []string{events.LeadScored}})
	require.NoError(t, err)
	w.happen(2)
	_, err = d.DisableEndpoint(t.Context(), e.Account, e.ID, webhook.DisabledByCustomer)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, w.post(e.ID+"/enable", "waiting", "discard").Code)
	for _, path := range []string{"/edit", "/rotate", "/test", "/preview", "/signing-key", "/disable", "/end-rotation"} {
		require.Equal(t, http.StatusServiceUnavailable, w.post(e.ID+path, "name", "Ours").Code, path)
	}
	for _, path := range []string{"/edit", "/rotate", "/verify", "/signing-key"} {
		require.Equal(t, http.StatusServiceUnavailable, w.get(e.ID+path).Code, path)
	}
	st, err := d.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, st.Pending)
	page := text(w.get("").Body.String())
	require.Contains(t, page, "Sealed")
	require.NotContains(t, page, "sealed:1:")
	require.Equal(t, 303, w.post(e.ID+"/delete").Code)
}
