package exchange

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

const (
	maxLocation       = 200
	maxRetryAfter     = 4
	maxRetryAfterLine = 128
)

// statusVerdict judges an answer by its status: 200 to 299 is accepted,
// nothing else. net/http lets 000, 099 and 999 through as well.
func statusVerdict(resp *http.Response, asked *url.URL) (Class, string) {
	code := resp.StatusCode
	if code >= 200 && code <= 299 {
		return "", ""
	}
	answered := fmt.Sprintf("answered %03d", code)
	switch {
	case isRedirect(code):
		if to := location(resp.Header, asked); to != "" {
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
// which may hold secrets. Nothing is ever fetched from there.
func location(h http.Header, asked *url.URL) string {
	raw := h.Get("Location")
	if raw == "" || len(raw) > 2048 {
		return ""
	}
	u, err := asked.Parse(raw)
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

// retryAfter copies the lines as received: net/http's strings would keep the
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
