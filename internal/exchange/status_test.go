package exchange

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
