package webhook

import (
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
)

// MaskURL returns a URL as it may be logged: scheme and host alone, as in
// "https://hooks.slack.com/…". Of many receivers (Slack, Discord, Teams, Zapier,
// Make) the rest is a credential: whoever has it can post. What does not parse
// is "…".
func MaskURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		if raw == "" {
			return ""
		}
		return "…"
	}
	return u.Scheme + "://" + u.Host + "/…"
}

// MaskURLs masks the URLs in a text as [MaskURL] does. An [Attempt.Error] has one
// where the endpoint redirects, mostly to its own path with a slash more.
func MaskURLs(text string) string { return urlInText.ReplaceAllStringFunc(text, MaskURL) }

// urlInText ends before what ends a part of a sentence.
var urlInText = regexp.MustCompile(`(?i)https?://\S*[^\s;,.)]`)

// printedEndpoint is an Endpoint without methods.
type printedEndpoint Endpoint

// masked is the endpoint as it may be printed.
func (e Endpoint) masked() printedEndpoint {
	p := printedEndpoint(e)
	p.URL = MaskURL(e.URL)
	if len(e.Headers) > 0 {
		p.Headers = make(map[string]string, len(e.Headers))
		for name := range e.Headers {
			p.Headers[name] = redacted
		}
	}
	return p
}

// String prints the endpoint field by field, with the URL as of [MaskURL] and
// without the values of Headers.
func (e Endpoint) String() string { return fmt.Sprintf("%+v", e.masked()) }

// GoString is String for the verb %#v.
func (e Endpoint) GoString() string { return fmt.Sprintf("%#v", e.masked()) }

// LogValue logs who it is: without path and query of the URL, and without
// Headers.
func (e Endpoint) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", e.ID), slog.String("account", e.Account), slog.String("name", e.Name),
		slog.String("url", MaskURL(e.URL)), slog.Bool("enabled", e.Enabled))
}

// String prints the record field by field; see [Endpoint.String].
func (r EndpointRecord) String() string {
	return fmt.Sprintf("{%v Health:%+v Pending:%d Hours:%v}", r.Endpoint, r.Health, r.Pending, r.Hours)
}

// GoString is String for the verb %#v.
func (r EndpointRecord) GoString() string {
	return fmt.Sprintf("webhook.EndpointRecord{%#v, %#v, %d, %#v}", r.Endpoint, r.Health, r.Pending, r.Hours)
}

// String prints the patch field by field; see [Endpoint.String].
func (p EndpointPatch) String() string {
	type printed EndpointPatch
	if p.URL.Value = MaskURL(p.URL.Value); len(p.Headers.Value) > 0 {
		p.Headers.Value = Endpoint{Headers: p.Headers.Value}.masked().Headers
	}
	return fmt.Sprintf("%+v", printed(p))
}

// GoString is String for the verb %#v.
func (p EndpointPatch) GoString() string { return "webhook.EndpointPatch" + p.String() }

// LogValue logs what String prints.
func (p EndpointPatch) LogValue() slog.Value { return slog.StringValue(p.String()) }

// hide takes an endpoint's URL out of a text, such as the error of a transport.
func hide(text string, u *url.URL) string {
	whole := u.String()
	text = strings.ReplaceAll(text, whole, MaskURL(whole))
	if target := u.RequestURI(); len(target) > 1 {
		text = strings.ReplaceAll(text, target, "/…")
	}
	return text
}
