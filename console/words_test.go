package console

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
)

// What a customer reads about a delivery.
func TestStory(t *testing.T) {
	at := time.Date(2026, 11, 26, 10, 32, 0, 0, time.UTC)
	failed := func(status int, class, text string) webhook.Attempt {
		return webhook.Attempt{Result: webhook.ResultFailed, Status: status, Class: class, Error: text}
	}
	broken := failed(500, webhook.ClassStatus, "answered 500: the endpoint failed while it handled the request")
	silent := failed(0, webhook.ClassTimeout, "no answer within 15 s: answer first, then do the work")
	good := webhook.Attempt{Result: webhook.ResultDelivered, Status: 204}
	cut := webhook.Attempt{Result: webhook.ResultInterrupted}
	for want, r := range map[string]webhook.DeliveryRecord{
		"Your endpoint answered 500 four times; we gave up at 26 Nov 10:32 UTC.": {
			State: webhook.StateDead, Reason: webhook.ReasonFailed, FinishedAt: at, Attempts: []webhook.Attempt{broken, broken, cut, broken, broken}},
		"Failed twice, at last your endpoint answered 500; we gave up at 26 Nov 10:32 UTC.": {
			State: webhook.StateDead, Reason: webhook.ReasonFailed, FinishedAt: at, Attempts: []webhook.Attempt{silent, broken}},
		"Failed twice: no answer within 15 s; we gave up at 26 Nov 10:32 UTC.": {
			State: webhook.StateDead, Reason: webhook.ReasonFailed, FinishedAt: at, Attempts: []webhook.Attempt{broken, silent}},
		"Delivered at 26 Nov 10:32 UTC; your endpoint answered 204.": {
			State: webhook.StateDelivered, FinishedAt: at, Attempts: []webhook.Attempt{good}},
		"Delivered at 26 Nov 10:32 UTC at the third attempt; your endpoint answered 204.": {
			State: webhook.StateDelivered, FinishedAt: at, Attempts: []webhook.Attempt{broken, silent, good}},
		"Your endpoint answered 500 once; we try again at 26 Nov 10:32 UTC.": {
			State: webhook.StatePending, NextAt: at, Attempts: []webhook.Attempt{broken}},
		"Waits for its turn.": {State: webhook.StatePending},
		"It waited too long, and expired at 26 Nov 10:32 UTC before it could be tried.": {
			State: webhook.StateDead, Reason: webhook.ReasonExpired, FinishedAt: at},
		"It waited too long, and expired at 26 Nov 10:32 UTC before it could be tried again.": {
			State: webhook.StateDead, Reason: webhook.ReasonExpired, FinishedAt: at, Attempts: []webhook.Attempt{broken}},
		"It happened at 26 Nov 10:32 UTC, while the webhook was disabled after failing.": {
			State: webhook.StateDead, Reason: webhook.ReasonMissed, OccurredAt: at},
		"It could not be put into this webhook's format; it ended at 26 Nov 10:32 UTC. Nothing was sent.": {State: webhook.StateDead, Reason: webhook.ReasonFormat, FinishedAt: at},
		"Discarded on request at 26 Nov 10:32 UTC.":                                                       {State: webhook.StateDead, Reason: webhook.ReasonDiscarded, FinishedAt: at},
	} {
		var v visit
		require.Equal(t, want, v.story(webhook.EndpointRecord{Endpoint: webhook.Endpoint{Enabled: true}}, r).String())
		if r.State == webhook.StatePending {
			require.Equal(t, "Waits until the webhook is enabled again.", v.story(webhook.EndpointRecord{}, r).String())
		}
	}
}

// What a customer reads about a webhook.
func TestSummary(t *testing.T) {
	d, err := webhook.New(webhook.NewMemoryStore(nil), nil)
	require.NoError(t, err)
	v := &visit{console: &console{d: d}}
	at, next := time.Date(2026, 11, 26, 10, 32, 0, 0, time.UTC), time.Date(2026, 11, 26, 12, 32, 0, 0, time.UTC)
	for _, c := range []struct {
		e            webhook.Endpoint
		h            webhook.Health
		status, says string
		hint         string
	}{
		{webhook.Endpoint{Enabled: true}, webhook.Health{Last: webhook.LastNever}, "new", "Nothing was sent yet. It waits for its first event.", ""},
		{webhook.Endpoint{Enabled: true}, webhook.Health{Last: webhook.LastDelivered, At: at, Status: 200}, "healthy", "Delivered at 26 Nov 10:32 UTC; your endpoint answered 200.", ""},
		{webhook.Endpoint{Enabled: true}, webhook.Health{Last: webhook.LastRetrying, At: at, NextAt: next, Attempt: 2, Status: 503, Class: "status", FailingSince: at}, "retrying",
			"Your endpoint answered 503 at 26 Nov 10:32 UTC; we try again at 26 Nov 12:32 UTC (attempt 3 of 4).", ""},
		{webhook.Endpoint{Enabled: true}, webhook.Health{Last: webhook.LastFailed, At: at, Attempt: 4, Status: 404, Class: "status", FailingSince: at, InError: true,
			Error: "answered 404: nothing answers at this path, check the URL", Reason: "answered 404: nothing answers at this path, check the URL"}, "error",
			"Your endpoint answered 404; we gave up at 26 Nov 10:32 UTC after 4 attempts.", "nothing answers at this path, check the URL."},
		{webhook.Endpoint{Enabled: true}, webhook.Health{Last: webhook.LastFailed, At: at, Attempt: 1, Status: 301, Class: "redirect", InError: true,
			Error: "answered 301 to https://a.example.com/: redirects are not followed", Reason: "answered 301 to https://a.example.com/: redirects are not followed"}, "error",
			"Your endpoint answered 301; we gave up at 26 Nov 10:32 UTC after 1 attempt.", "answered 301 to https://a.example.com/: redirects are not followed."},
		{webhook.Endpoint{Enabled: true}, webhook.Health{Last: webhook.LastFailed, At: at, Class: "dns", InError: true, Error: "the host name does not exist in DNS: check the URL"}, "error",
			"We gave up at 26 Nov 10:32 UTC: the host name does not exist in DNS.", ""},
		{webhook.Endpoint{DisabledBy: webhook.DisabledByEngine, DisabledReason: "answered 410 Gone to all 4 attempts"}, webhook.Health{Last: webhook.LastNever}, "disabled", "We disabled it: answered 410 Gone to all 4 attempts.", ""},
		{webhook.Endpoint{DisabledBy: webhook.DisabledByOperator}, webhook.Health{Last: webhook.LastNever}, "disabled", "Disabled by us. Please contact support.", ""},
		{webhook.Endpoint{DisabledBy: webhook.DisabledByCustomer}, webhook.Health{Last: webhook.LastNever}, "disabled", "Disabled. It gets no events until it is enabled again.", ""},
		{webhook.Endpoint{DisabledBy: webhook.DisabledByCustomer}, webhook.Health{Last: webhook.LastFailed, At: at, Attempt: 4, Status: 404, Class: "status", InError: true,
			Reason: "answered 404: nothing answers at this path, check the URL"}, "disabled",
			"Disabled. It gets no events until it is enabled again. Your endpoint answered 404; we gave up at 26 Nov 10:32 UTC after 4 attempts.", "nothing answers at this path, check the URL."},
		{webhook.Endpoint{DisabledBy: webhook.DisabledByCustomer}, webhook.Health{Last: webhook.LastRetrying, At: at, NextAt: next, Attempt: 2, Status: 503, Class: "status", FailingSince: at}, "disabled",
			"Disabled. It gets no events until it is enabled again. Your endpoint answered 503 at 26 Nov 10:32 UTC.", ""},
		{webhook.Endpoint{Enabled: true}, webhook.Health{Last: webhook.LastRetrying, At: at, NextAt: next, Attempt: 2, Status: 503, Class: "status", FailingSince: at}, "failing",
			"Your endpoint answered 503 at 26 Nov 10:32 UTC.", ""},
		{webhook.Endpoint{Enabled: true}, webhook.Health{Last: webhook.LastNever, InError: true, Reason: "expired before it could be tried"}, "error",
			"Nothing was sent yet.", "the last delivery that we gave up: expired before it could be tried."},
		{webhook.Endpoint{Enabled: true}, webhook.Health{Last: webhook.LastDelivered, At: at, Status: 200}, "unavailable",
			"We cannot read where this webhook leads at the moment. Its events wait until we can.", ""},
	} {
		r := webhook.EndpointRecord{Endpoint: c.e, Health: c.h}
		if c.status == "unavailable" {
			r.Unreadable = errors.New("no key")
		}
		if c.status == "retrying" {
			r.Pending = 1
		}
		require.Equal(t, c.status, status(r))
		require.Equal(t, c.says, v.summary(r).String())
		require.Equal(t, c.hint, hint(r))
	}
}

// What a customer reads about a test.
func TestTestWords(t *testing.T) {
	v := &visit{console: &console{}}
	for want, a := range map[string]webhook.Attempt{
		"It works: your endpoint answered 204 in 120 ms.":                                {Result: webhook.ResultDelivered, Status: 204, Took: 120 * time.Millisecond},
		"It failed at once: your endpoint answered 500.":                                 {Status: 500, Took: 900 * time.Microsecond},
		"It failed after 15 s: no answer within 15 s.":                                   {Error: "no answer within 15 s", Took: 15 * time.Second},
		"Nothing was sent: the event could not be put into the format Slack: no blocks.": {Class: webhook.ClassFormat, Error: "the event could not be put into the format Slack: no blocks"},
	} {
		require.Equal(t, want, v.testView("lead.scored", a).Summary)
	}
}

func TestSmallWords(t *testing.T) {
	require.Equal(t, "once twice three times ten times 1,000 times", often(1)+" "+often(2)+" "+often(3)+" "+often(10)+" "+often(1000))
	require.Equal(t, "0 999 1,000 1,234,567", grouped(0)+" "+grouped(999)+" "+grouped(1000)+" "+grouped(1234567))
	require.Equal(t, "1 delivery, 2 deliveries", count(1, "delivery", "deliveries")+", "+count(2, "delivery", "deliveries"))
	require.Equal(t, "under 1 ms, 120 ms, 1.5 s, 15 s", took(.4)+", "+took(120)+", "+took(1500)+", "+took(15000))
	b, err := json.Marshal(stamp{})
	require.NoError(t, err)
	require.Equal(t, "null", string(b))
}

// The chart is as high as its highest hour, and small numbers can be seen.
func TestChart(t *testing.T) {
	now := time.Date(2026, 11, 26, 10, 32, 0, 0, time.UTC)
	hs := hours([]webhook.Hour{
		{Start: now.Truncate(time.Hour), Delivered: 1, Latency: 100 * time.Millisecond},
		{Start: now.Truncate(time.Hour).Add(-23 * time.Hour), Delivered: 500, Failed: 500, Latency: 1000 * 300 * time.Millisecond},
		{Start: now.Truncate(time.Hour).Add(-24 * time.Hour), Delivered: 9999},
	}, now)
	require.Len(t, hs, 24)
	c := chart(hs)
	require.Equal(t, 501, c.Delivered)
	require.Equal(t, 500, c.Failed)
	require.Equal(t, 1000, c.Top)
	require.Equal(t, "Last 24 hours: 501 attempts answered 2xx, 500 failed.", c.Label)
	require.InDelta(t, 299.8, c.LatencyMS, 0.1)
	require.InDelta(t, chartHeight-6, c.Bars[0].Delivered+c.Bars[0].Failed, 0.2)
	require.Equal(t, 2.0, c.Bars[23].Delivered)
	require.Equal(t, c.Bars[0].DeliveredY, c.Bars[0].FailedY+c.Bars[0].Failed)
	require.Zero(t, chart(hours(nil, now)).Top)
}

// Paths are found at the end, whatever stands before them.
func TestLocate(t *testing.T) {
	const id, other = "01a21a0f-f795-7832-a459-0c277e7581f1", "01a21a0f-f795-7832-a459-0c277e7581f2"
	for path, want := range map[string]place{
		"/":                           {route: "", root: "./"},
		"/a/b/":                       {route: "", root: "./"},
		"/a/new":                      {route: "new", root: "./"},
		"/a/new/test":                 {route: "new/test", root: "../"},
		"/" + id:                      {route: "{id}", id: id, root: "./"},
		"/a/" + id + "/edit":          {route: "{id}/edit", id: id, root: "../"},
		"/a/" + id + "/17/resend":     {route: "{id}/{n}/resend", id: id, n: 17, root: "../../"},
		"/" + other + "/":             {route: "", root: "./"},
		"/" + other + "/new":          {route: "new", root: "./"},
		"/" + other + "/" + id:        {route: "{id}", id: id, root: "./"},
		"/" + other + "/settings/new": {route: "new", root: "./"},
		"/a/" + id + "/17/":           {route: "", root: "./"},
		"/a/assets/console.js":        {route: "assets/console.js", root: "../"},
		"/a/" + id + "/nonsense":      {route: "?", root: "./"},
		"/a/" + id + "/edit/nonsense": {route: "?", root: "./"},
		"/nonsense":                   {route: "?", root: "./"},
	} {
		require.Equal(t, want, locate(path), path)
	}
}

func FuzzLocate(f *testing.F) {
	f.Add("/a/01a21a0f-f795-7832-a459-0c277e7581f1/17/resend")
	f.Add("//new//")
	f.Fuzz(func(t *testing.T, path string) {
		p := locate(path)
		if _, ok := routes[p.route]; !ok && p.route != "?" {
			t.Errorf("%q is %q", path, p.route)
		}
		if p.id != "" && !isID(p.id) || p.n < 0 {
			t.Errorf("%q has %q and %d", path, p.id, p.n)
		}
	})
}
