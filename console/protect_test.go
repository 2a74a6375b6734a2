package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/console"
)

// A request of another website changes nothing, and a form of the console's
// own pages does.
func TestCrossOrigin(t *testing.T) {
	w := newWorld(t, &console.Options{TrustedOrigins: []string{"https://dashboard.example.com"}})
	e := w.add("Ours", 500, "no")
	w.happen(1)
	w.deliver()
	_, posts := pages(e.ID, w.deliveries(e)[0].ID)
	for _, attack := range []map[string]string{
		{"Sec-Fetch-Site": "cross-site"},
		{"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.com"},
		{"Origin": "https://evil.example"},
		{"Origin": "null"},
		{"Sec-Fetch-Site": "cross-site", "Origin": "https://app.example.com.evil.example"},
	} {
		w.store.since()
		for name, value := range attack {
			w.header.Set(name, value)
		}
		for _, path := range posts {
			for _, accept := range []string{browser, "application/json"} {
				rec := w.send("POST", path, "application/x-www-form-urlencoded", "name=x", accept)
				require.Equal(t, 403, rec.Code, "%v %s", attack, path)
				require.Contains(t, rec.Body.String(), "another website")
			}
		}
		require.Empty(t, w.store.since(), "a query was made for %v", attack)
		clear(w.header)
	}
	for _, fine := range []map[string]string{
		{"Sec-Fetch-Site": "same-origin", "Origin": "https://app.example.com"},
		{"Origin": "https://app.example.com"},
		{"Sec-Fetch-Site": "cross-site", "Origin": "https://dashboard.example.com"},
		{}, // no browser
	} {
		for name, value := range fine {
			w.header.Set(name, value)
		}
		require.Equal(t, 303, w.post(e.ID+"/disable").Code, "%v", fine)
		clear(w.header)
	}
}

// With a list of hosts no other name is answered, so that a foreign name that
// leads to this server is of no use.
func TestHosts(t *testing.T) {
	for host, want := range map[string]int{"app.example.com": 200, "APP.example.com": 200, "app.example.com:443": 200, "localhost:8080": 200,
		"evil.example": 421, "app.example.com:8080": 421, "localhost": 421, "app.example.com.evil.example": 421} {
		w := newWorld(t, &console.Options{Hosts: []string{"app.example.com", "localhost:8080"}})
		w.store.since()
		rec := w.at(host, "GET", "")
		require.Equal(t, want, rec.Code, host)
		if want != 200 {
			require.Empty(t, w.store.since())
			require.Equal(t, 421, w.at(host, "POST", "new").Code)
		}
	}
}

// Looking at anything changes nothing.
func TestGetChangesNothing(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 500, "no")
	w.happen(2)
	w.deliver()
	gets, posts := pages(e.ID, w.deliveries(e)[0].ID)
	w.store.since()
	query := "?" + form("name", "x", "url", "https://x.example.com", "done", "deleted", "waiting", "discard", "generate", "1", "since", "", "save", "1")
	for _, path := range append(gets, posts...) {
		for _, method := range []string{"GET", "HEAD"} {
			_ = w.send(method, path+query, "application/x-www-form-urlencoded", "", browser)
			_ = w.send(method, path+query, "application/json", "", "application/json")
		}
	}
	require.Zero(t, changes(w.store.since()))
}

// Every answer forbids what the page does not need, and the page does not need
// it: no script and no style in the markup, and its own files with the nonce.
func TestContentSecurityPolicy(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 500, "no")
	w.happen(2)
	w.deliver()
	gets, posts := pages(e.ID, w.deliveries(e)[0].ID)
	nonces := map[string]bool{}
	look := func(method, path string, fields ...string) {
		rec := w.send(method, path, "application/x-www-form-urlencoded", form(fields...), browser)
		h := rec.Header()
		csp := h.Get("Content-Security-Policy")
		m := regexp.MustCompile(`^default-src 'none'; script-src 'nonce-([A-Z2-7]{26})'; style-src 'nonce-([A-Z2-7]{26})'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$`).FindStringSubmatch(csp)
		require.NotNil(t, m, "%s %s: %s", method, path, csp)
		require.Equal(t, m[1], m[2])
		require.False(t, nonces[m[1]], "a nonce was used twice")
		nonces[m[1]] = true
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
		require.Equal(t, "DENY", h.Get("X-Frame-Options"))
		if strings.HasPrefix(path, "assets/") {
			require.Equal(t, "private, max-age=86400", h.Get("Cache-Control"))
			return
		}
		require.Equal(t, "no-store", h.Get("Cache-Control"), path)
		if !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
			return
		}
		for _, tag := range parse(rec.Body.String()) {
			for _, a := range tag.names {
				require.NotEqual(t, "style", a, "%s %s: <%s>", method, path, tag.name)
				require.False(t, strings.HasPrefix(a, "on"), "%s %s: <%s %s>", method, path, tag.name, a)
			}
			switch tag.name {
			case "script":
				require.Contains(t, tag.attrs["src"], "assets/console.js?v=")
				require.Equal(t, m[1], tag.attrs["nonce"])
			case "link":
				require.Contains(t, tag.attrs["href"], "assets/console.css?v=")
				require.Equal(t, m[1], tag.attrs["nonce"])
			case "style", "iframe", "object", "embed", "base", "img":
				t.Errorf("%s %s has <%s>", method, path, tag.name)
			case "a":
				require.NotContains(t, tag.attrs["href"], ":", "a link leaves the console")
			}
		}
		require.NotRegexp(t, `<script[^>]*>[^<]`, rec.Body.String())
	}
	for _, path := range append(gets, "assets/console.css", "assets/console.js", "nonsense") {
		look("GET", path)
	}
	for _, path := range posts {
		look("POST", path, "name", "", "url", "http://localhost", "generate", "")
	}
}

// Every answer, good or bad, says that it is for nobody else: no other window,
// no other website, no cache, and none that asked otherwise.
func TestEveryAnswerIsProtected(t *testing.T) {
	w := newWorld(t, &console.Options{Hosts: []string{"app.example.com"}})
	e := w.add("Ours", 500, "no")
	w.happen(1)
	w.deliver()
	n := w.deliveries(e)[0].ID
	seen := map[int]bool{}
	look := func(rec *httptest.ResponseRecorder, cache, at string) {
		t.Helper()
		seen[rec.Code] = true
		for name, want := range map[string]string{"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Cache-Control": cache, "Vary": "Accept, X-Console-Part"} {
			require.Equal(t, []string{want}, rec.Header().Values(name), "%s, %d: %s", at, rec.Code, name)
		}
	}
	each := func(paths []string, methods ...string) {
		t.Helper()
		for _, path := range paths {
			cache := "no-store"
			if strings.HasPrefix(path, "assets/") {
				cache = "private, max-age=86400"
			}
			for _, method := range methods {
				for _, accept := range []string{browser, "application/json"} {
					look(w.send(method, path, "application/x-www-form-urlencoded", "name=x", accept), cache, method+" "+path)
				}
			}
		}
	}
	gets, posts := pages(e.ID, n)
	var routes []string
	for method, paths := range map[string][]string{"GET ": gets, "POST ": posts} {
		for _, path := range paths {
			routes = append(routes, method+pattern(path, e.ID))
		}
	}
	slices.Sort(routes)
	require.Equal(t, console.Routes(), routes, "all of them are looked at")
	each(append(gets, "assets/console.css", "assets/console.js"), "GET", "HEAD")
	each(posts, "POST") // the last one deletes
	each(append(gets, "nonsense"), "GET", "PUT")
	w.header.Set("X-Console-Part", "live")
	each([]string{"", "new", e.ID}, "GET", "POST")
	clear(w.header)
	look(w.post("new", "name", "New", "url", "https://new.example.com/", "events", "lead.scored"), "no-store", "create")
	made := w.api("POST", "new", `{"name":"Made","url":"https://new.example.com/","events":["lead.scored"],"generate_secret":true}`, 201)["webhook"].(map[string]any)["id"].(string)
	look(w.post("new", "name", "New", "url", "https://new.example.com/", "events", "lead.scored", "secret", "a-secret-that-was-typed"), "no-store", "create")
	look(w.post(made+"/edit", "version", "9"), "no-store", "an old version")
	look(w.send("POST", made+"/edit", "application/json", `{"version":9,"name":"Late"}`, "application/json"), "no-store", "an old version")
	for range 11 {
		look(w.send("POST", made+"/test", "application/json", "", "application/json"), "no-store", "too many tests")
	}
	look(w.at("evil.example", "GET", ""), "no-store", "another host")
	look(w.post("new", "name", strings.Repeat("x", 256<<10)), "no-store", "too much")
	look(w.send("POST", "new", "multipart/form-data; boundary=x", "", browser), "no-store", "no form")
	look(w.send("POST", "new", "application/json", "{", browser), "no-store", "no JSON")
	w.header.Set("Sec-Fetch-Site", "cross-site")
	each([]string{"", "new"}, "POST")
	clear(w.header)
	w.account = ""
	each([]string{"", "new"}, "GET")
	w.account = "acme"
	w.store.Store = broken{Store: w.store.Store, read: errors.New("no"), change: errors.New("no")}
	each([]string{"", e.ID}, "GET")

	page, err := console.New(w.d, w.who, nil)
	require.NoError(t, err)
	rec := httptest.NewRecorder()
	http.StripPrefix("/settings/webhooks", page).ServeHTTP(rec, httptest.NewRequest("GET", "/settings/webhooks", nil))
	look(rec, "no-store", "without the slash")
	for _, code := range []int{200, 201, 301, 303, 400, 403, 404, 405, 409, 413, 415, 421, 422, 429, 500} {
		require.True(t, seen[code], "no answer was %d", code)
	}
}

// pattern is a path as a route has it.
func pattern(path, id string) string {
	return regexp.MustCompile(`/[0-9]+(/|$)`).ReplaceAllString(strings.Replace(path, id, "{id}", 1), "/{n}$1")
}

// readers are those paths that read what is sent to them.
func readers(id string) []string {
	return []string{"new", "new/test", "new/preview", id + "/edit", id + "/test", id + "/preview", id + "/enable", id + "/rotate",
		id + "/signing-key", id + "/remove-signing-key", id + "/recover"}
}

// refused says that a request was answered with that refusal, on the page and in
// JSON, and changed nothing.
func (w *world) refused(path, contentType, body string, status int, code, words string) {
	w.Helper()
	w.store.since()
	rec := w.send("POST", path, contentType, body, "application/json")
	require.Equal(w, status, rec.Code, "%s: %s", path, rec.Body)
	var out struct {
		Error struct{ Code, Message string }
	}
	require.NoError(w, json.Unmarshal(rec.Body.Bytes(), &out))
	require.Equal(w, code, out.Error.Code, path)
	require.Regexp(w, "^"+words+"$", out.Error.Message, path)
	rec = w.send("POST", path, contentType, body, browser)
	require.Equal(w, status, rec.Code, path)
	require.Equal(w, "text/html; charset=utf-8", rec.Header().Get("Content-Type"))
	require.Contains(w, text(rec.Body.String()), "That did not work")
	require.Regexp(w, words, text(rec.Body.String()))
	require.Zero(w, changes(w.store.since()), path)
}

// What is longer than anything that could be meant is not read.
func TestTooLarge(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	before := w.stored(e)
	const limit = 256 << 10
	const words = `That is too much: 256 KB is the limit\.`
	typed := form("name", "Ours", "url", e.URL, "events", "lead.scored", "headers", "X-Token: ••••••••") + "&x="
	for _, path := range readers(e.ID) {
		w.refused(path, "application/x-www-form-urlencoded", typed+strings.Repeat("x", limit-len(typed)+1), 413, "too_large", words)
		w.refused(path, "application/json", `{"name":"Ours"`+strings.Repeat(" ", limit), 413, "too_large", words)
		w.refused(path, "application/json", `{}`+strings.Repeat(" ", limit), 413, "too_large", words)
	}
	require.Equal(t, before, w.stored(e))
	require.Equal(t, 303, w.send("POST", e.ID+"/edit", "application/x-www-form-urlencoded", typed+strings.Repeat("x", limit-len(typed)), browser).Code, "the limit itself")
	w.api("POST", e.ID+"/edit", `{"name":"Ours"}`+strings.Repeat(" ", limit-15), 200)
	w.api("POST", e.ID+"/edit", `{"name":"Ours"}`+strings.Repeat(" ", limit-14), 413)
}

// What cannot be read is refused, and not taken for an empty form.
func TestUnreadable(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	before := w.stored(e)
	const upload = "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nOurs\r\n--x--\r\n"
	for _, path := range readers(e.ID) {
		for _, kind := range []string{"multipart/form-data; boundary=x", "multipart/form-data", "multipart/mixed; boundary=x"} {
			w.refused(path, kind, upload, 415, "content_type", `Send application/x-www-form-urlencoded or application/json\.`)
		}
		for _, kind := range []string{"", "text/plain", "text/json", "application/merge-patch+json", "application/octet-stream"} {
			for _, body := range []string{`{"name":"Ours"}`, "name=Ours", " "} {
				w.refused(path, kind, body, 415, "content_type", `Send application/x-www-form-urlencoded or application/json\.`)
			}
		}
		for _, body := range []string{"name=%zz", "name=Ours&%", "name=Ours;x=1", "version=x", "version=-1", "version=9223372036854775808"} {
			w.refused(path, "application/x-www-form-urlencoded", body, 400, "form", `The form could not be read\.`)
		}
		w.refused(path+"?x=%zz", "application/x-www-form-urlencoded", "name=Ours", 400, "form", `The form could not be read\.`)
		w.refused(path, "application/x-www-form-urlencoded; =", "name=Ours", 400, "form", `The form could not be read\.`)
		for _, body := range []string{"{", `{"name":"Ours","nonsense":1}`, `["name"]`, `"name"`, "name=Ours"} {
			w.refused(path, "application/json", body, 400, "json", `The body is not the JSON that is described in openapi\.json: .+`)
		}
		w.refused(path, "application/json", `{"name":"Ours"}{}`, 400, "json", `The body holds more than one JSON value\.`)
	}
	require.Equal(t, before, w.stored(e))
}

// A broken store fails with these errors.
type broken struct {
	webhook.Store
	read, change error
}

func (b broken) Endpoints(ctx context.Context, q webhook.EndpointQuery) ([]webhook.EndpointRecord, error) {
	if b.read != nil {
		return nil, b.read
	}
	return b.Store.Endpoints(ctx, q)
}

func (b broken) Deliveries(ctx context.Context, q webhook.DeliveryQuery) ([]webhook.DeliveryRecord, error) {
	if b.read != nil {
		return nil, b.read
	}
	return b.Store.Deliveries(ctx, q)
}

func (b broken) PutEndpoint(context.Context, webhook.Endpoint, int) (webhook.Endpoint, error) {
	return webhook.Endpoint{}, b.change
}
func (b broken) DeleteEndpoint(context.Context, string, string) error { return b.change }
func (b broken) Resend(context.Context, string, int64, string) (int64, error) {
	return 0, b.change
}
func (b broken) Recover(context.Context, webhook.DeliveryQuery) (int, error) { return 0, b.change }
func (b broken) Dismiss(context.Context, webhook.DeliveryQuery) (int, error) { return 0, b.change }

// logged are the records of a JSON log, which it empties.
func logged(t *testing.T, log *bytes.Buffer) (out []map[string]any) {
	t.Helper()
	for dec := json.NewDecoder(log); dec.More(); {
		var record map[string]any
		require.NoError(t, dec.Decode(&record))
		delete(record, "time")
		out = append(out, record)
	}
	return out
}

// What went wrong on our side is for the log alone, with the page that it
// happened on; the customer reads that it did.
func TestInternalErrors(t *testing.T) {
	const private = `pq: <b>no route</b> to postgres://webhooks:hunter2@10.0.0.7/prod`
	const words = "Something went wrong on our side. Your webhooks go on working; try again in a moment."
	var log bytes.Buffer
	w := newWorld(t, &console.Options{Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	e := w.add("Ours", 500, "no")
	w.happen(1)
	w.deliver()
	_, _, err := w.d.RotateSecret(t.Context(), "acme", e.ID, "", 0)
	require.NoError(t, err)
	n := w.deliveries(e)[0].ID
	gets, posts := pages(e.ID, n)
	whole := w.store.Store

	// failing are the routes that answer 500, each of them as it has to.
	failing := func(page http.Handler) (out []string) {
		w.page = page
		requests := map[string][]string{"GET": gets, "HEAD": gets, "POST": posts}
		for _, method := range []string{"GET", "HEAD", "POST"} {
			for _, path := range requests[method] {
				for _, accept := range []string{browser, "application/json"} {
					for _, part := range []string{"", "live"} {
						w.header.Set("X-Console-Part", part)
						body := form("name", "Renamed", "url", e.URL, "events", "lead.scored", "enabled", "off", "test_event", "lead.scored", "secret", "a-secret-that-was-typed")
						rec := w.send(method, path, "application/x-www-form-urlencoded", body, accept)
						at := fmt.Sprintf("%s %s (%s) %s", method, path, accept, part)
						unseen(t, rec, at, "hunter2", "10.0.0.7", "postgres", "pq:", "no route")
						records := logged(t, &log)
						if rec.Code != 500 {
							require.Less(t, rec.Code, 500, at)
							require.Empty(t, records, at)
							continue
						}
						require.Len(t, records, 1, at)
						require.Contains(t, records[0]["error"], private, at)
						delete(records[0], "error")
						require.Equal(t, map[string]any{"level": "ERROR", "msg": "console: request failed", "path": pattern(path, e.ID)}, records[0], at)
						switch {
						case method == "HEAD":
							require.Empty(t, rec.Body.String(), at)
						case accept == "application/json" || path == "openapi.json":
							require.Equal(t, `{"error":{"code":"internal","message":"`+words+`","fields":[]}}`+"\n", rec.Body.String(), at)
						default:
							require.Contains(t, text(rec.Body.String()), words, at)
							require.Equal(t, part == "", strings.Contains(rec.Body.String(), "<title>Something went wrong · Webhooks</title>"), at)
						}
						out = append(out, method+" "+pattern(path, e.ID))
					}
				}
			}
		}
		clear(w.header)
		slices.Sort(out)
		return slices.Compact(out)
	}

	page := w.page
	w.store.Store = broken{Store: whole, read: errors.New(private), change: errors.New(private)}
	var all []string
	for _, route := range console.Routes() {
		switch route {
		case "GET new", "GET openapi.json", "POST new/test", "POST new/preview": // nothing of it is stored
			continue
		}
		all = append(all, route)
		if path, ok := strings.CutPrefix(route, "GET "); ok {
			all = append(all, "HEAD "+path)
		}
	}
	slices.Sort(all)
	require.Equal(t, all, failing(page))

	// The same where it was read, and cannot be changed.
	w.store.Store = broken{Store: whole, change: errors.New(private)}
	changing := slices.DeleteFunc(slices.Clone(all), func(route string) bool {
		return !strings.HasPrefix(route, "POST") || strings.HasSuffix(route, "/test") || strings.HasSuffix(route, "/preview")
	})
	require.Equal(t, changing, failing(page))

	// Without a logger it is told to nobody.
	silent, err := console.New(w.d, w.who, nil)
	require.NoError(t, err)
	w.page = silent
	require.Equal(t, 500, w.post(e.ID+"/delete").Code)

	// Who left does not hear of it, and it is no error of ours.
	w.page = page
	ctx, leave := context.WithCancel(t.Context())
	leave()
	rec := httptest.NewRecorder()
	page.ServeHTTP(rec, httptest.NewRequestWithContext(ctx, "POST", "https://app.example.com"+mount+e.ID+"/delete", nil))
	require.Equal(t, 500, rec.Code)
	require.Empty(t, log.String())
}

// Why somebody has no account is for the log, and why a role may not do
// something for neither.
func TestWhoIsRefusedDoesNotReadWhy(t *testing.T) {
	var log bytes.Buffer
	var account string
	var failed error
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	who := func(*http.Request) (string, error) { return account, failed }
	page, err := console.New(w.d, who, &console.Options{Logger: logger, Authorize: func(*http.Request, console.Action) error { return errors.New("hunter2 is no administrator") }})
	require.NoError(t, err)
	w.page = page
	gets, posts := pages(e.ID, 1)
	for _, c := range []struct {
		account string
		err     error
		code    string
		words   string
		log     []map[string]any
	}{
		{"", nil, "no_account", "You are not signed in to an account that has webhooks.",
			[]map[string]any{{"level": "INFO", "msg": "console: no account", "error": nil}}},
		{"acme", errors.New("the session of hunter2 expired"), "no_account", "You are not signed in to an account that has webhooks.",
			[]map[string]any{{"level": "INFO", "msg": "console: no account", "error": "the session of hunter2 expired"}}},
		{"acme", nil, "not_allowed", "Your role does not allow this. Ask an administrator of your account.", nil},
	} {
		account, failed = c.account, c.err
		for method, paths := range map[string][]string{"GET": gets, "POST": posts} {
			for _, path := range paths {
				for _, accept := range []string{browser, "application/json"} {
					rec := w.send(method, path, "", "", accept)
					require.Equal(t, 403, rec.Code, path)
					unseen(t, rec, path, "hunter2")
					require.Equal(t, c.log, logged(t, &log), path)
					if accept == browser && path != "openapi.json" {
						require.Contains(t, text(rec.Body.String()), c.words)
						continue
					}
					require.Equal(t, `{"error":{"code":"`+c.code+`","message":"`+c.words+`","fields":[]}}`+"\n", rec.Body.String())
				}
			}
		}
	}
}

// A page with all that belongs to it stays small, however much there is.
func TestSize(t *testing.T) {
	w := newWorld(t, nil)
	long := strings.Repeat(`{"x":1}`, 3<<10)
	e := w.add(strings.Repeat("A long name ", 8), 500, long)
	for i := range 9 {
		w.add(strings.Repeat("Another name ", 7)+string(rune('a'+i)), 500, long)
	}
	w.happen(40)
	w.deliver()
	d := w.deliveries(e)[0].ID
	files := 0
	for _, f := range []string{"assets/console.css", "assets/console.js"} {
		files += w.get(f).Body.Len()
	}
	gets, _ := pages(e.ID, d)
	for _, path := range gets {
		if strings.HasSuffix(path, "/payload") || path == "openapi.json" {
			continue
		}
		page := w.get(path).Body.Len()
		t.Logf("%6d bytes and %d of files: %s", page, files, path)
		require.Less(t, page+files, 60_000, path)
	}
}
