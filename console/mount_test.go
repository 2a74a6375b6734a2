package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook/console"
)

// A crawl from the list finds every page by its links and forms, wherever the
// console is mounted, and leaves that path only by the way back.
func TestMountedAnywhere(t *testing.T) {
	w := newWorld(t, &console.Options{BackURL: "/account"})
	e := w.add("Ours", 500, "no")
	w.happen(30)
	w.deliver()
	for name, c := range map[string]struct{ pattern, strip, mount string }{
		"whole path":     {"/settings/webhooks/", "", "/settings/webhooks/"},
		"stripped":       {"/settings/webhooks/", "/settings/webhooks", "/settings/webhooks/"},
		"at the root":    {"/", "", "/"},
		"below an ID":    {"/orgs/{org}/", "", "/orgs/" + e.ID + "/"},
		"partly":         {"/a/b/c/", "/a/b", "/a/b/c/"},
		"strange name":   {"/{name}/new/", "", "/a%20b/new/"},
		"below a number": {"/" + e.ID + "/7/", "", "/" + e.ID + "/7/"},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := console.New(w.d, w.who, &console.Options{BackURL: "/account"})
			require.NoError(t, err)
			mux := http.NewServeMux()
			mux.Handle(c.pattern, http.StripPrefix(c.strip, page))
			seen := map[string]bool{}
			todo := []string{c.mount}
			for len(todo) > 0 {
				at := todo[0]
				todo = todo[1:]
				if seen[at] {
					continue
				}
				seen[at] = true
				rec := httptest.NewRecorder()
				mux.ServeHTTP(rec, httptest.NewRequest("GET", at, nil))
				require.Equal(t, 200, rec.Code, at)
				base, err := url.Parse(at)
				require.NoError(t, err)
				for _, tag := range parse(rec.Body.String()) {
					for _, attr := range []string{"href", "src", "action", "formaction", "data-made"} {
						to, ok := tag.attrs[attr]
						if !ok || strings.HasPrefix(to, "#") || to == "/account" {
							continue
						}
						require.False(t, strings.HasPrefix(to, "/") || strings.Contains(to, ":"), "%s is not relative, on %s", to, at)
						u := base.ResolveReference(check(url.Parse(to))(t))
						u.Fragment = ""
						require.True(t, strings.HasPrefix(u.EscapedPath(), c.mount), "%s leads out of the console, on %s", to, at)
						if attr == "action" || attr == "formaction" {
							u.RawQuery = ""
							rec := httptest.NewRecorder()
							mux.ServeHTTP(rec, httptest.NewRequest("PUT", u.String(), nil))
							require.Equal(t, http.StatusMethodNotAllowed, rec.Code, "the form at %s", u)
							require.Contains(t, rec.Header().Get("Allow"), "POST", "the form at %s", u)
							continue
						}
						todo = append(todo, u.String())
					}
				}
			}
			require.Greater(t, len(seen), 25, "the crawl ended early: %v", seen)
			for _, want := range []string{"new", e.ID, e.ID + "/edit", e.ID + "/delete", e.ID + "/recover", e.ID + "/dismiss", e.ID + "/rotate", e.ID + "/verify"} {
				require.True(t, seen[c.mount+want], "no link leads to %s", want)
			}
		})
	}
}

func check[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

// After a change the browser goes to a place below the mount.
func TestRedirectsAreRelative(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	for path, want := range map[string]string{
		e.ID + "/disable": "../" + e.ID + "?done=disabled", e.ID + "/enable": "../" + e.ID + "?done=enabled", e.ID + "/delete": "../?done=deleted",
	} {
		if strings.HasSuffix(path, "delete") {
			continue
		}
		rec := w.post(path)
		require.Equal(t, http.StatusSeeOther, rec.Code, path)
		require.Equal(t, want, rec.Header().Get("Location"))
	}
	require.Equal(t, "../?done=enabled", w.post(e.ID+"/enable", "from", "list").Header().Get("Location"))
	require.Equal(t, "../?done=deleted", w.post(e.ID+"/delete").Header().Get("Location"))

	// Without the slash at the end of the mount.
	page, err := console.New(w.d, w.who, nil)
	require.NoError(t, err)
	rec := httptest.NewRecorder()
	http.StripPrefix("/settings/webhooks", page).ServeHTTP(rec, httptest.NewRequest("GET", "/settings/webhooks?x=1", nil))
	require.Equal(t, "./webhooks/", rec.Header().Get("Location"))
}
