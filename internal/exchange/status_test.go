package exchange

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook/internal/guard"
)

func TestRedirects(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		target := serve(t, keep(ok))
		w := serve(t, keep(fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 2\r\n\r\nhi", code, target.url("http"))))
		res := post(newClient(t, nil), w.url("http"), 10*time.Second)
		require.Equal(t, ClassRedirect, res.Class)
		require.Equal(t, code, res.Status)
		require.Equal(t, "hi", string(res.Excerpt))
		require.Contains(t, res.Error, fmt.Sprintf("answered %d; redirects are not followed", code))
		require.Zero(t, target.conns.Load(), "Location must not be fetched")
		requireSentence(t, res)
	}
}

func TestLocation(t *testing.T) {
	asked := mustURL(t, "https://user:s3cret@hooks.example.com/hook?token=s3cret")
	long := "https://hooks.example.com/" + strings.Repeat("x", 300)
	for raw, want := range map[string]string{
		"https://Hooks.example.com/hook/": "https://hooks.example.com/hook/",
		"/hook/":                          "https://hooks.example.com/hook/",
		"?x":                              "",
		"https://u:p@www.example.com/a?token=x#f": "https://www.example.com/a",
		"//www.example.com:8443/a b":              "https://www.example.com:8443/a%20b",
		"":                                        "",
		"https://hooks.example.com/hook?token=t":  "",
		"http://www.example.com/hook":             "",
		"ftp://www.example.com/hook":              "",
		"javascript:alert(1)":                     "",
		"https:opaque":                            "",
		"https://10.0.0.7/hook":                   "",
		"https://[fd00::1]/hook":                  "",
		"https://localhost/hook":                  "",
		"https://www.example.com/\"><script>":     "https://www.example.com/%22%3E%3Cscript%3E",
		"https://ex\u202eample.com/":              "",
		"https://www.example.com/\x00":            "",
		"%zz":                                     "",
		long:                                      "",
		"https://a.example/" + strings.Repeat("y", 3000): "",
	} {
		require.Equal(t, want, location(http.Header{"Location": {raw}}, asked), "%q", raw)
	}
	class, text := statusVerdict(301, http.Header{"Location": {"/hook/"}}, asked)
	require.Equal(t, ClassRedirect, class)
	require.Equal(t, "answered 301 to https://hooks.example.com/hook/; redirects are not followed: enter that URL", text)
}

func TestRetryAfter(t *testing.T) {
	w := serve(t, keep("HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nRetry-After: "+strings.Repeat("9", 200)+
		"\r\nretry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n"))
	res := post(newClient(t, nil), w.url("http"), 10*time.Second)
	require.Equal(t, 429, res.Status)
	require.Equal(t, []string{"7", "Wed, 21 Oct 2015 07:28:00 GMT"}, res.RetryAfter)
	require.Nil(t, retryAfter(http.Header{}))
	require.Len(t, retryAfter(http.Header{"Retry-After": make([]string, 99)}), maxRetryAfter)
}

// Every sentence is short, plain and free of what it must not say.
func TestSentences(t *testing.T) {
	for code := range 1000 {
		class, text := statusVerdict(code, nil, mustURL(t, "https://hooks.example.com/"))
		require.Equal(t, code >= 200 && code < 300, class == "")
		requireSentence(t, Result{Class: class, Error: text})
	}
	require.Equal(t, "no answer within 15 s: answer first, then do the work", textNoAnswer(15*time.Second))
	require.Equal(t, "1.5 s", seconds(1500*time.Millisecond))
}

// A redirect of a receiver whose path is a credential shows nothing of it, nor
// does one to such a receiver.
func TestLocationOfACredential(t *testing.T) {
	for _, c := range [][2]string{
		{"https://hooks.slack.com/services/T/B/secret", "/services/T/B/secret/"},
		{"https://crm.example.com/hook", "https://hooks.zapier.com/hooks/catch/1/secret"},
		{"https://prod-1.westeurope.logic.azure.com/workflows/secret", "https://elsewhere.example.com/secret"},
	} {
		asked, err := url.Parse(c[0])
		require.NoError(t, err)
		_, says := statusVerdict(301, http.Header{"Location": {c[1]}}, asked)
		require.Equal(t, "answered 301; redirects are not followed: enter the final https URL", says)
	}
}

// Whatever a redirect says, nothing is shown of it, or the whole of an https URL
// on a name that holds no secret and can be put into a sentence.
func FuzzLocation(f *testing.F) {
	for _, raw := range []string{"/hook/", "?x", "https://u:p@Www.example.com/a?token=x#f", "//www.example.com:8443/a b", "http://www.example.com/", "https:opaque",
		"https://10.0.0.7/", "https://[fe80::1%25a.b]/", "https://localhost./", "https://www.example.com/\"'><`\\", "https://ex\u202eample.com/%0d%0a", "https://www.example.com/%3f/../%zz",
		"https://hooks.slack.com./services/T/B/x", "https://a.example/" + strings.Repeat("y", 182), "https://a.example/" + strings.Repeat("y", 183)} {
		f.Add("https://user:s3cret@hooks.example.com/hook?token=s3cret", raw)
	}
	f.Add("https://discord.com/api/webhooks/1/x", "https://www.example.com/1/x")
	f.Add("https://hooks.example.com/", "https://www.example.com/it's")
	f.Add("http://10.0.0.7:8080", "https://www.example.com")
	f.Fuzz(func(t *testing.T, from, raw string) {
		asked, err := url.Parse(from)
		if err != nil {
			return
		}
		h := http.Header{"Location": {raw}}
		to := location(h, asked)
		_, says := statusVerdict(http.StatusFound, h, asked)
		if to == "" {
			require.Equal(t, "answered 302; redirects are not followed: enter the final https URL", says)
			return
		}
		require.Equal(t, "answered 302 to "+to+"; redirects are not followed: enter that URL", says)
		require.LessOrEqual(t, len(to), maxLocation)
		require.Equal(t, printable(to, maxLocation), to)
		require.False(t, strings.ContainsAny(to, "\"'<>`\\?#"), to)
		u, err := url.Parse(to)
		require.NoError(t, err)
		require.Equal(t, &url.URL{Scheme: "https", Host: u.Host, Path: u.Path, RawPath: u.RawPath}, u, "neither userinfo nor query nor fragment")
		_, err = netip.ParseAddr(u.Hostname())
		require.Error(t, err, to)
		require.Contains(t, u.Hostname(), ".")
		require.False(t, guard.IsCredential(u) || guard.IsCredential(asked), "%s to %s", from, to)
		require.Equal(t, to, location(http.Header{"Location": {to}}, asked), "it says the same of itself")
	})
}

// Whatever the lines say, a connection is kept for a time within bounds: that of
// the first one that says any.
func FuzzKeepAlive(f *testing.F) {
	f.Add("timeout=5, max=100", "timeout=7")
	f.Add("Max=3,\tTimeout=0", "")
	f.Add("timeout=-1,timeout=99999999999999999999", "timeout=+7200,")
	f.Fuzz(func(t *testing.T, a, b string) {
		first, second := keepAlive(http.Header{"Keep-Alive": {a}}), keepAlive(http.Header{"Keep-Alive": {b}})
		for _, d := range []time.Duration{first, second} {
			require.True(t, d == 0 || d == time.Millisecond || d >= time.Second && d < time.Hour && d%time.Second == 0, "%v", d)
		}
		want := first
		if first == 0 {
			want = second
		}
		require.Equal(t, want, keepAlive(http.Header{"Keep-Alive": {a, b}}), "on two lines")
		require.Equal(t, want, keepAlive(http.Header{"Keep-Alive": {a + "," + b}}), "on one line")
		require.Equal(t, 4*time.Second, keepAlive(http.Header{"Keep-Alive": {"max=1,timeout=5," + a}}))
	})
}
