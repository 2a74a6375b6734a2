package console_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/console"
)

// Without a function that says whose webhooks these are there is no console.
func TestNewRefuses(t *testing.T) {
	d, err := webhook.New(webhook.NewMemoryStore(nil), nil)
	require.NoError(t, err)
	who := func(*http.Request) (string, error) { return "acme", nil }
	for _, c := range []struct {
		d    *webhook.Dispatcher
		who  console.AccountFunc
		o    *console.Options
		says string
	}{
		{d, nil, nil, "account function is nil"},
		{nil, who, nil, "dispatcher is nil"},
		{d, who, &console.Options{Hosts: []string{"https://app.example.com"}}, "Options.Hosts"},
		{d, who, &console.Options{Hosts: []string{""}}, "Options.Hosts"},
		{d, who, &console.Options{TrustedOrigins: []string{"app.example.com"}}, "Options.TrustedOrigins"},
		{d, who, &console.Options{BackURL: "javascript:alert(1)"}, "Options.BackURL"},
		{d, who, &console.Options{BackURL: "//evil.example"}, "Options.BackURL"},
		{d, who, &console.Options{BackURL: "http://app.example.com"}, "Options.BackURL"},
	} {
		_, err := console.New(c.d, c.who, c.o)
		require.ErrorContains(t, err, c.says)
	}
}

// What belongs to another account is not there, whatever is asked of it, and
// cannot be told from what never existed.
func TestForeignIsNotFound(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 500, "no")
	w.happen(1)
	w.deliver()
	gets, posts := pages(e.ID, w.deliveries(e)[0].ID)
	before := w.stored(e)
	w.account = "globex"
	absent := strings.Repeat("0", 8) + e.ID[8:]
	for _, accept := range []string{browser, "application/json"} {
		for _, method := range []string{"GET", "POST"} {
			for _, path := range map[string][]string{"GET": gets, "POST": posts}[method] {
				if !strings.HasPrefix(path, e.ID) {
					continue
				}
				got := w.send(method, path, "application/x-www-form-urlencoded", form("name", "Stolen", "test_event", "lead.scored"), accept)
				require.Equal(t, 404, got.Code, "%s %s", method, path)
				require.NotContains(t, got.Body.String(), "Ours")
				other := w.send(method, strings.Replace(path, e.ID, absent, 1), "application/x-www-form-urlencoded", form("name", "Stolen", "test_event", "lead.scored"), accept)
				require.Equal(t, other.Code, got.Code)
				require.Equal(t, text(other.Body.String()), text(got.Body.String()), "%s %s", method, path)
			}
		}
	}
	require.Contains(t, w.see(""), "No webhooks yet")
	require.Equal(t, before, w.stored(e))
	require.Len(t, w.deliveries(e), 1)

	// A delivery of one's own is not another webhook's either.
	w.account = "acme"
	other := w.add("Also ours", 200, "")
	require.Equal(t, 404, w.get(strings.Replace(gets[11], e.ID, other.ID, 1)).Code)
}

// Who is not in an account gets nothing, and no query is made for them.
func TestNoAccount(t *testing.T) {
	for name, who := range map[string]console.AccountFunc{
		"empty": func(*http.Request) (string, error) { return "", nil },
		"error": func(*http.Request) (string, error) { return "acme", errors.New("expired") },
	} {
		w := newWorld(t, nil)
		e := w.add("Ours", 200, "")
		page, err := console.New(w.d, who, nil)
		require.NoError(t, err)
		w.page = page
		w.store.since()
		gets, posts := pages(e.ID, 1)
		for _, path := range gets {
			require.Equal(t, 403, w.get(path).Code, "%s: GET %s", name, path)
		}
		for _, path := range posts {
			require.Equal(t, 403, w.post(path).Code, "%s: POST %s", name, path)
		}
		require.Empty(t, w.store.since())
	}
}

// Every action is asked for, and what is not allowed is neither done nor offered.
func TestAuthorize(t *testing.T) {
	may := map[console.Action]bool{}
	w := newWorld(t, &console.Options{Authorize: func(_ *http.Request, a console.Action) error {
		if !may[a] {
			return errors.New("no")
		}
		return nil
	}})
	e := w.add("Ours", 500, "the answer")
	w.happen(1)
	w.deliver()
	gets, posts := pages(e.ID, w.deliveries(e)[0].ID)
	for _, path := range gets {
		require.Equal(t, 403, w.get(path).Code, path)
	}
	may[console.View] = true
	w.store.since()
	for _, path := range posts {
		require.Equal(t, 403, w.post(path).Code, path)
	}
	require.Zero(t, changes(w.store.since()))
	for _, path := range []string{"", e.ID, gets[11]} {
		page := w.get(path).Body.String()
		require.NotContains(t, page, "<form", path)
		require.NotContains(t, page, "the answer", path)
		require.NotContains(t, page, "example.com/hook", "who may not change a URL does not see all of it: %s", path)
		require.NotContains(t, page, "lead_1", path)
	}
	require.NotContains(t, w.get("").Body.String(), "/edit")
	require.Equal(t, 403, w.get(gets[12]).Code)
	one := w.api("GET", gets[11], "", 200)
	require.Empty(t, one["payload"])
	require.Empty(t, one["delivery"].(map[string]any)["attempts"].([]any)[0].(map[string]any)["response"])

	// Who may test sends what is saved to where it goes, and sees no more than that.
	may[console.Test] = true
	for _, body := range []string{`{"url":"https://other.example.com/"}`, `{"headers":{"X-Token":null}}`, `{"secret":"another secret"}`} {
		w.api("POST", e.ID+"/test", body, 403)
	}
	tested := w.send("POST", e.ID+"/test", "application/json", `{"test_event":"lead.scored"}`, browser)
	require.Equal(t, 200, tested.Code)
	require.Contains(t, text(tested.Body.String()), "your endpoint answered 500")
	require.NotContains(t, tested.Body.String(), e.URL)
	require.NotNil(t, w.api("POST", e.ID+"/test", "", 200)["test"])

	may[console.Update], may[console.Delete], may[console.Resend] = true, true, true
	require.Contains(t, w.get("").Body.String(), "/edit")
	require.Contains(t, w.get(gets[11]).Body.String(), "Send again")
	may[console.ViewPayload] = true
	require.Contains(t, w.see(gets[11]), "lead_1")
	require.Contains(t, w.see(gets[11]), "the answer")
}

// Who may test and not add webhooks sends nothing to where they like.
func TestTestOfANewWebhook(t *testing.T) {
	for _, c := range []struct {
		may    []console.Action
		status int
	}{
		{[]console.Action{console.View}, 403},
		{[]console.Action{console.View, console.Test}, 403},
		{[]console.Action{console.View, console.Test, console.Update}, 403},
		{[]console.Action{console.View, console.Create}, 403},
		{[]console.Action{console.View, console.Test, console.Create}, 200},
	} {
		w := newWorld(t, &console.Options{Authorize: func(_ *http.Request, a console.Action) error {
			if !slices.Contains(c.may, a) {
				return errors.New("no")
			}
			return nil
		}})
		sent := 0
		w.network.Handle("crm.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sent++ }))
		const body = `{"name":"x","url":"https://crm.example.com/","events":["lead.scored"]}`
		got := w.api("POST", "new/test", body, c.status)
		rec := w.post("new/test", "name", "x", "url", "https://crm.example.com/", "events", "lead.scored")
		require.Equal(t, c.status, rec.Code, "%v", c.may)
		if c.status == 200 {
			require.Equal(t, 2, sent)
			continue
		}
		require.Equal(t, "not_allowed", got["error"].(map[string]any)["code"], "%v", c.may)
		require.Zero(t, sent, "%v", c.may)
		require.Equal(t, 403, w.post("new/test", "name", "").Code, "nor does it say what is wrong")
	}
}

// Who may not change a webhook's URL does not see the path that a redirect leads
// to, which mostly is its own.
func TestRedirectsAreAsSecretAsURLs(t *testing.T) {
	may := map[console.Action]bool{console.View: true, console.ViewPayload: true, console.Test: true, console.Resend: true}
	w := newWorld(t, &console.Options{Authorize: func(_ *http.Request, a console.Action) error {
		if !may[a] {
			return errors.New("no")
		}
		return nil
	}})
	w.network.Handle("flow.example.com", http.RedirectHandler("https://flow.example.com/hooks/key-of-the-flow/;v=1/", http.StatusPermanentRedirect))
	e, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: w.account, Name: "Flow", URL: "https://flow.example.com/hooks/key-of-the-flow/;v=1", Events: []string{"lead.scored"}})
	require.NoError(t, err)
	w.happen(1)
	w.deliver()
	one := e.ID + "/" + itoa(w.deliveries(e)[0].ID)

	// errors are where the whole of what an attempt ended with is told.
	told := func() map[string]string {
		first := func(v any) map[string]any { return v.([]any)[0].(map[string]any) }
		hook := first(w.api("GET", "", "", 200)["webhooks"])
		log, delivery := w.api("GET", e.ID, "", 200), w.api("GET", one, "", 200)
		tested := w.send("POST", e.ID+"/test", "application/json", "", "application/json")
		var test struct {
			Test struct {
				Summary string
				Attempt struct{ Error string }
			}
		}
		require.NoError(t, json.Unmarshal(tested.Body.Bytes(), &test))
		out := map[string]string{"test": test.Test.Attempt.Error, "test's summary": test.Test.Summary,
			"attempts of the log": first(first(log["deliveries"])["attempts"])["error"].(string),
			"attempts":            first(delivery["delivery"].(map[string]any)["attempts"])["error"].(string)}
		for at, hook := range map[string]any{"list": hook, "log": log["webhook"], "delivery": delivery["webhook"]} {
			hook := hook.(map[string]any)
			out[at+": error_reason"], out[at+": undelivered_reason"] = hook["error_reason"].(string), hook["undelivered_reason"].(string)
			out[at+": last_delivery"] = hook["last_delivery"].(map[string]any)["error"].(string)
		}
		for _, path := range []string{"", e.ID, one} {
			out["page "+path] = w.see(path)
		}
		out["page of a test"] = text(w.send("POST", e.ID+"/test", "application/json", "", browser).Body.String())
		return out
	}
	const masked, whole = "answered 308 to https://flow.example.com/…; redirects are not followed", "answered 308 to https://flow.example.com/hooks/key-of-the-flow/;v=1/; redirects are not followed"
	for at, text := range told() {
		require.Contains(t, text, masked, at)
		require.NotContains(t, text, "key-of-the-flow", at)
	}
	gets, _ := pages(e.ID, w.deliveries(e)[0].ID)
	for _, path := range gets {
		for _, accept := range []string{browser, "application/json"} {
			require.NotContains(t, w.send("GET", path, "", "", accept).Body.String(), "key-of-the-flow", path)
		}
	}
	may[console.Update] = true
	for at, text := range told() {
		require.Contains(t, text, whole, at)
	}
}

// A page does not answer methods that it has no use for.
func TestMethods(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	for path, want := range map[string]string{"": "GET, HEAD", "new": "GET, HEAD, POST", e.ID + "/disable": "POST"} {
		for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "GET", "POST"} {
			if strings.Contains(want, method) {
				continue
			}
			rec := w.send(method, path, "", "", browser)
			require.Equal(t, http.StatusMethodNotAllowed, rec.Code, "%s %s", method, path)
			require.Equal(t, want, rec.Header().Get("Allow"))
		}
	}
	head := w.send("HEAD", "", "", "", browser)
	require.Equal(t, 200, head.Code)
	require.Empty(t, head.Body.String())
}

// An address that the console does not have is not found.
func TestUnknownPaths(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	for _, path := range []string{"nonsense", "new/nonsense", e.ID + "/nonsense", e.ID + "/0", e.ID + "/01", e.ID + "/-1", e.ID + "/+1",
		e.ID + "/1/nonsense", e.ID + "/{n}", "{id}", "{id}/edit", strings.ToUpper(e.ID), e.ID + "/edit/edit", "assets/console.go",
		e.ID + "/1/payload/1", e.ID + "/99999999999999999999"} {
		require.Equal(t, 404, w.get(path).Code, path)
	}
}
