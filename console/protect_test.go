package console_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
