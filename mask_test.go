package webhook_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

func TestMaskURL(t *testing.T) {
	for in, want := range map[string]string{
		slackHook: "https://hooks.slack.com/…", discordHook: "https://discord.com/…", teamsHook: "https://prod-12.westeurope.logic.azure.com/…",
		"https://hooks.zapier.com/hooks/catch/1/secret/": "https://hooks.zapier.com/…", "https://crm.example.com:8443?x=secret": "https://crm.example.com:8443/…",
		"https://user:secret@crm.example.com/": "https://crm.example.com/…", "": "", "secret": "…", "https://crm.example.com/%zz secret": "…", "mailto:secret": "…",
	} {
		require.Equal(t, want, webhook.MaskURL(in))
	}
}

// What is shown of a URL depends on its scheme and host alone, so that it holds
// nothing of the rest.
func FuzzMaskURL(f *testing.F) {
	for _, raw := range []string{"", "secret", slackHook, discordHook, teamsHook, "https://user:secret@crm.example.com:8443/a%2Fb;c?x=secret#secret", "//crm.example.com", "mailto:secret",
		"https://a@b@crm.example.com\\@c", "https://crm.example.com?https://user:secret@d/", "https:///secret", "https://[fe80::1%25x%2fy]/", "https://caf%C3%A9.example.com/%zz", "HTTPS:crm.example.com/secret"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		shown := webhook.MaskURL(raw)
		u, err := url.Parse(raw)
		if raw == "" {
			require.Empty(t, shown)
			return
		}
		if err != nil || u.Host == "" {
			require.Equal(t, "…", shown, "%q", raw)
			return
		}
		other := url.URL{Scheme: u.Scheme, Host: u.Host, User: url.UserPassword("XXXX", "XXXX"), Path: "/XXXX", RawQuery: "XXXX", Fragment: "XXXX"}
		require.Equal(t, webhook.MaskURL(other.String()), shown, "%q", raw)
		require.Equal(t, strings.Count(u.Scheme+u.Host, "XXXX"), strings.Count(shown, "XXXX"), "%q", raw)
		require.Contains(t, shown, u.Host)
	})
}

func TestMaskURLs(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "answered 500": "answered 500", "no https:// here": "no https:// here",
		"answered 308 to https://a.example.com/secret/; redirects":                "answered 308 to https://a.example.com/…; redirects",
		"to https://a.example.com, (HTTP://b.example.com/secret).":                "to https://a.example.com/…, (http://b.example.com/…).",
		"https://a.example.com?secret https://u:secret@b.example.com:8443#secret": "https://a.example.com/… https://b.example.com:8443/…",
		"at https://a.example.com/%zz.secret;secret\nand on":                      "at …\nand on",
	} {
		require.Equal(t, want, webhook.MaskURLs(in))
		require.Equal(t, want, webhook.MaskURLs(want), "once more changes nothing")
	}
}

// Whatever stands in a URL in a text, nothing behind its host is left.
func FuzzMaskURLs(f *testing.F) {
	for _, s := range []string{"", "a/b;c,d.e)f", "?x=", "#", "%zz", "@b.example.com/", "https://b.example.com/", "\xff", "\u2028", "[", "\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsAny(s, "\t\n\f\r ") {
			return
		}
		require.NotContains(t, webhook.MaskURLs("answered 308 to https://a.example.com/"+s+"XXXX; redirects"), "XXXX")
	})
}

// Whoever prints or logs an endpoint, or what holds one, shows no credential.
func TestPrintingMasksTheURL(t *testing.T) {
	e := webhook.Endpoint{ID: "ep_1", Account: account, Name: "Alerts", URL: slackHook, Headers: map[string]string{"X-Api-Key": "XXXXXXXXXXXXXXXXXXXXXXXX"}}
	patch := webhook.EndpointPatch{URL: webhook.Set(slackHook), Headers: webhook.Set(e.Headers), Name: webhook.Set("Alerts")}
	for _, v := range []any{e, &e, []webhook.Endpoint{e}, webhook.EndpointRecord{Endpoint: e}, []webhook.EndpointRecord{{Endpoint: e}},
		webhook.Claim{Config: e}, webhook.Batch{Config: &e}, patch, &patch, map[string]any{"e": e}} {
		var b strings.Builder
		fmt.Fprintf(&b, "%v %+v %#v %s\n", v, v, v, v)
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
		require.NotContains(t, b.String(), "XXXX", "%T", v)
		require.NotContains(t, b.String(), "/services/", "%T", v)
		if _, holds := v.(webhook.Batch); !holds { // which prints a pointer
			require.Contains(t, b.String(), "Alerts", "%T", v)
			require.Contains(t, b.String(), "hooks.slack.com", "%T", v)
		}
	}
	require.Equal(t, slackHook, e.URL)
	require.Equal(t, "XXXXXXXXXXXXXXXXXXXXXXXX", e.Headers["X-Api-Key"])
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "endpoint", e)
	require.Contains(t, b.String(), `"endpoint":{"id":"ep_1","account":"acct_1","name":"Alerts","url":"https://hooks.slack.com/…","enabled":false}`)
}

// A transport of the host's says which URL it failed for, and it is not logged.
func TestTransportsErrorIsMasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged lockedBuffer
		d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
			Transport: refusing{}, Retry: webhook.Schedule{}, Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		})
		require.NoError(t, err)
		w := &world{t: t, d: d}
		_, err = d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: account, Name: "x", URL: slackHook + "?a=b", Events: []webhook.EventType{events.LeadScored}})
		require.NoError(t, err)
		w.emit(1)
		w.drain()
		time.Sleep(time.Second)
		require.Contains(t, text(&logged), "https://hooks.slack.com/…")
		require.NotContains(t, text(&logged), "XXXX")
	})
}

type refusing struct{}

func (refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: errors.New("egress says no to " + r.URL.RequestURI())}
}
