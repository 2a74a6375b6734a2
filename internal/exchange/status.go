package exchange

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/autoreach/webhook/internal/guard"
)

const (
	maxLocation       = 200
	maxRetryAfter     = 4
	maxRetryAfterLine = 128
)

// judge makes the verdict of an answer.
func judge(x *exchange, status int, h http.Header) Result {
	res := Result{Status: status, RetryAfter: retryAfter(h)}
	res.Class, res.Error = statusVerdict(status, h, x.URL)
	return res
}

// statusVerdict judges an answer by its status: 200 to 299 is accepted,
// nothing else. Three digits need not be a status: 000, 099 and 999 occur.
func statusVerdict(code int, h http.Header, asked *url.URL) (Class, string) {
	if code >= 200 && code <= 299 {
		return "", ""
	}
	answered := fmt.Sprintf("answered %03d", code)
	switch {
	case isRedirect(code):
		if to := location(h, asked); to != "" {
			return ClassRedirect, bounded(answered + " to " + to + "; redirects are not followed: enter that URL")
		}
		return ClassRedirect, answered + "; redirects are not followed: enter the final https URL"
	case code < 100 || code > 599:
		return ClassStatus, answered + ", which is no HTTP status"
	}
	return ClassStatus, answered + statusHints[code]
}

func isRedirect(code int) bool {
	switch code {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// location returns where a redirect points to, in a form fit for showing: only
// another https URL on a public name, without query, fragment and userinfo,
// which may hold secrets; of receivers whose paths are secrets too, nothing. Nothing is ever fetched from there.
func location(h http.Header, asked *url.URL) string {
	raw := h.Get("Location")
	if raw == "" || len(raw) > 2048 {
		return ""
	}
	u, err := asked.Parse(raw)
	if guard.IsCredential(asked) || err == nil && guard.IsCredential(u) {
		return ""
	}
	if err != nil || u.Scheme != "https" || u.Opaque != "" {
		return ""
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return ""
	}
	to := show(u)
	if to == show(asked) || to != printable(to, maxLocation) || strings.ContainsAny(to, "\"'<>`\\") {
		return ""
	}
	return to
}

func show(u *url.URL) string {
	return u.Scheme + "://" + strings.ToLower(u.Host) + u.EscapedPath()
}

// retryAfter copies the lines as received: a transport's strings may keep the
// whole head alive. Long ones are neither a number nor a date.
func retryAfter(h http.Header) []string {
	lines := h["Retry-After"]
	if len(lines) == 0 {
		return nil
	}
	var kept []string
	for _, line := range lines[:min(len(lines), maxRetryAfter)] {
		if len(line) <= maxRetryAfterLine {
			kept = append(kept, strings.Clone(line))
		}
	}
	return kept
}

// keepAlive is how long the server says it keeps an idle connection, less a
// margin for the way there: a request that crosses the server's close is lost.
// 0 means that it does not say.
func keepAlive(h http.Header) time.Duration {
	for _, line := range h["Keep-Alive"] {
		for part := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if n, err := strconv.Atoi(value); err == nil && n >= 0 && strings.EqualFold(name, "timeout") {
				return max(time.Duration(min(n, 3600))*time.Second-time.Second, time.Millisecond)
			}
		}
	}
	return 0
}
