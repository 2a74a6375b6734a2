package webhook_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/internal/chatpeer"
	"github.com/autoreach/webhook/verify"
)

const (
	slackHook   = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
	discordHook = "https://discord.com/api/webhooks/123456789012345678/abcdefghijklmnopqrstuvwxyz-0123456789"
	teamsHook   = "https://prod-12.westeurope.logic.azure.com/workflows/0123456789abcdef/triggers/manual/paths/invoke?api-version=2016-06-01&sig=abc"
)

func TestFormatIsChosenByTheURL(t *testing.T) {
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
		EndpointLimit: func(string) int { return 100 },
		Formats: []webhook.Format{
			{Name: "own", Title: "Own", Match: func(u *url.URL) bool { return u.Host == "own.example.com" }, Render: nothing},
			{Name: "broken", Title: "Broken", Match: func(*url.URL) bool { panic("x") }, Render: nothing},
		},
	})
	require.NoError(t, err)
	for u, want := range map[string]string{
		slackHook: "slack", "https://hooks.slack-gov.com/services/T0/B0/x": "slack", "https://HOOKS.slack.com/services/T0/B0/x": "slack",
		"https://hooks.slack.com/triggers/T0/1/x": "json", "https://hooks.slack.com/workflows/T0/A0/1/x": "json",
		"https://hooks.slack.com/": "json", "https://hooks.slack.com.example.com/services/x": "json", "https://hooks.slack.com:8443/services/x": "json",
		"https://example.com/hooks.slack.com/services/x": "json", "https://slack.com/services/x": "json",
		discordHook: "discord", "https://discordapp.com/api/webhooks/1/x": "discord", "https://canary.discord.com/api/v10/webhooks/1/x?wait=true": "discord",
		"https://discord.com/api/webhooks/1/x/slack": "json", "https://discord.com/api/webhooks/1/x/github": "json", "https://discord.com/api/webhooks/1": "json",
		"https://discord.com/": "json", teamsHook: "json", "https://hooks.zapier.com/hooks/catch/1/x/": "json", "https://hook.eu1.make.com/x": "json",
		"https://own.example.com/x": "own", "https://crm.example.com/hooks": "json",
	} {
		e, err := d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: account, Name: "x", URL: u, Events: []webhook.EventType{events.LeadScored}})
		require.NoError(t, err, u)
		require.Equal(t, "", e.Format)
		require.Equal(t, want, e.SentAs, u)
		require.Equal(t, want, d.SentAs(webhook.Endpoint{URL: u}), u)
		require.Equal(t, "teams", d.SentAs(webhook.Endpoint{URL: u, Format: "teams"}))
		for _, name := range []string{"json", "teams"} { // it is overridden by naming one
			e, err = d.UpdateEndpoint(t.Context(), account, e.ID, 0, webhook.EndpointPatch{Format: webhook.Set(name)})
			require.NoError(t, err)
			require.Equal(t, []string{name, name}, []string{e.Format, e.SentAs})
		}
		r, err := d.Endpoint(t.Context(), account, e.ID)
		require.NoError(t, err)
		require.Equal(t, []string{"teams", "teams"}, []string{r.Format, r.SentAs})
		e, err = d.UpdateEndpoint(t.Context(), account, e.ID, 0, webhook.EndpointPatch{Format: webhook.Set("")})
		require.NoError(t, err)
		require.Equal(t, []string{"", want}, []string{e.Format, e.SentAs})
	}
	var names, titles []string
	for _, f := range d.Formats() {
		names, titles = append(names, f.Name), append(titles, f.Title)
	}
	require.Equal(t, []string{"json", "slack", "discord", "teams", "own", "broken"}, names)
	require.Equal(t, []string{"JSON", "Slack", "Discord", "Microsoft Teams", "Own", "Broken"}, titles)
}

func nothing(webhook.FormatEvent) (string, []byte, error) { return "text/plain", nil, nil }

func TestUnknownFormatIsRefused(t *testing.T) {
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Formats: []webhook.Format{{Name: "own", Title: "Own", Render: nothing}}})
	require.NoError(t, err)
	e := webhook.Endpoint{Account: account, Name: "x", URL: slackHook, Events: []webhook.EventType{events.LeadScored}, Format: "Slack"}
	_, err = d.CreateEndpoint(t.Context(), e)
	refused := func(err error) {
		t.Helper()
		var invalid *webhook.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Len(t, invalid.Fields, 1)
		require.Equal(t, "format", invalid.Fields[0].Field)
		require.Equal(t, "unknown_format", invalid.Fields[0].Code)
		require.Contains(t, invalid.Fields[0].Message, "json, slack, discord, teams, own")
	}
	refused(err)
	_, err = d.TestNew(t.Context(), e, events.LeadScored)
	refused(err)
	e.Format = "own"
	e, err = d.CreateEndpoint(t.Context(), e)
	require.NoError(t, err)
	var p webhook.EndpointPatch
	require.NoError(t, json.Unmarshal([]byte(`{"format":"no such"}`), &p))
	_, err = d.UpdateEndpoint(t.Context(), account, e.ID, 0, p)
	refused(err)
	_, err = d.Test(t.Context(), account, e.ID, events.LeadScored, p)
	refused(err)
}

func TestOptionsFormats(t *testing.T) {
	good := webhook.Format{Name: "own", Title: "Own", Render: nothing}
	with := func(change func(*webhook.Format)) webhook.Format { f := good; change(&f); return f }
	for says, formats := range map[string][]webhook.Format{
		"lower-case letters":  {with(func(f *webhook.Format) { f.Name = "Own" })},
		"1 to 40":             {with(func(f *webhook.Format) { f.Name = "" })},
		"is registered twice": {good, good},
		"the payload itself":  {with(func(f *webhook.Format) { f.Name = "json" })},
		"no Title":            {with(func(f *webhook.Format) { f.Title = "" })},
		"no Render":           {with(func(f *webhook.Format) { f.Render = nil })},
		"has PerSecond":       {with(func(f *webhook.Format) { f.PerSecond = -1 })},
	} {
		_, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Formats: formats})
		require.ErrorContains(t, err, says)
	}
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Formats: []webhook.Format{with(func(f *webhook.Format) { f.Name = "slack" })}})
	require.NoError(t, err)
	require.Len(t, d.Formats(), 4)
	require.Equal(t, "Own", d.Formats()[1].Title)
}

// peer is a chat's server with an endpoint of the account for each event.
type peer interface {
	http.Handler
	Posted() [][]byte
	Wrong() error
}

func chats() map[string]struct {
	hook, format string
	peer         peer
} {
	path := func(s string) string { u, _ := url.Parse(s); return u.Path }
	return map[string]struct {
		hook, format string
		peer         peer
	}{
		"slack":   {slackHook, "", &chatpeer.SlackServer{Hooks: map[string]string{path(slackHook): ""}}},
		"discord": {discordHook, "", &chatpeer.DiscordServer{Hooks: map[string]bool{path(discordHook): true}}},
		"teams":   {teamsHook, "teams", &chatpeer.TeamsServer{}},
	}
}

func host(t testing.TB, s string) string {
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u.Host
}

// hostileData are the samples with what strangers could have put into them.
func hostileData(t testing.TB, sample any) []json.RawMessage {
	text, err := json.Marshal(sample)
	require.NoError(t, err)
	var out []json.RawMessage
	for _, s := range []string{"<!channel> & <https://evil.example.com|x>", "@everyone **x** [x](https://evil.example.com)", strings.Repeat("<&>\n", 700), "\x00\u202e", ""} {
		quoted, err := json.Marshal(s)
		require.NoError(t, err)
		name, err := json.Marshal("Renée Okonedo-Vale")
		require.NoError(t, err)
		out = append(out, json.RawMessage(strings.ReplaceAll(string(text), string(name), string(quoted))))
	}
	return out
}

// All samples, hostile ones, and events of a host's own are accepted by what
// enforces the services' rules, through the whole engine.
func TestChatsAcceptEveryEvent(t *testing.T) {
	type paid struct {
		Cents int    `json:"cents"`
		Note  string `json:"note"`
	}
	own := events.Of("invoice.paid", "Invoice Paid", "An invoice was paid", func() paid { return paid{4200, "<!channel> & thanks"} })
	for name, c := range chats() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				types := append(events.All(), own)
				w := newWorld(t, webhook.Options{Events: types, EventsPerEndpoint: len(types)})
				var names []webhook.EventType
				for _, typ := range types {
					names = append(names, typ.Name)
				}
				w.net.Handle(host(t, c.hook), c.peer)
				e, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{
					Account: account, Name: "Alerts", URL: c.hook, Format: c.format, Events: names, PerSecond: 1000,
				})
				require.NoError(t, err)
				require.Equal(t, name, e.SentAs)
				n := 0
				for _, typ := range types {
					sample := typ.Sample()
					w.emitOf(1, account, typ.Name, sample)
					n++
					for _, data := range hostileData(t, sample) {
						w.emitOf(1, account, typ.Name, data)
						n++
					}
				}
				w.drain()
				require.NoError(t, c.peer.Wrong())
				require.Len(t, c.peer.Posted(), n)
				for _, r := range w.log(e) {
					require.Equal(t, webhook.StateDelivered, r.State)
					require.Len(t, r.Attempts, 1)
				}
			})
		})
	}
}

// A test send and a resend come in the endpoint's format too.
func TestChatTestAndResend(t *testing.T) {
	for name, c := range chats() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{})
				w.net.Handle(host(t, c.hook), c.peer)
				draft := webhook.Endpoint{Account: account, Name: "Alerts", URL: c.hook, Format: c.format, Events: []webhook.EventType{events.ReplyReceived}}
				a, err := w.d.TestNew(t.Context(), draft, events.ReplyReceived)
				require.NoError(t, err)
				require.Equal(t, webhook.ResultDelivered, a.Result, "%+v", a)
				if name == "slack" {
					require.Equal(t, "ok", string(a.Response))
				}
				require.Contains(t, string(c.peer.Posted()[0]), "Test: Reply Received")

				e, err := w.d.CreateEndpoint(t.Context(), draft)
				require.NoError(t, err)
				w.emitOf(1, account, events.ReplyReceived, events.All()[2].Sample())
				w.drain()
				require.NoError(t, w.resend(w.log(e)[0].ID))
				w.drain()
				posted := c.peer.Posted()
				require.Len(t, posted, 3)
				require.NotContains(t, string(posted[1]), "Test: ")
				require.Equal(t, string(posted[1]), string(posted[2]), "a resend renders the same bytes")

				// What the edit dialog has typed in, not saved yet.
				a, err = w.d.Test(t.Context(), account, e.ID, events.ReplyReceived, webhook.EndpointPatch{Format: webhook.Set("json")})
				require.NoError(t, err)
				require.Equal(t, 400, a.Status)
			})
		})
	}
}

// What is signed is what is sent.
func TestFormatsAreSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		const secret = "correct horse battery"
		_, rc := w.endpoint("chat.example.com", func(e *webhook.Endpoint) { e.Format, e.Secret = "slack", secret }, nil)
		w.emitOf(1, account, events.LeadScored, events.All()[1].Sample())
		w.drain()
		got := rc.requests()[0]
		require.Contains(t, got.body, `"blocks"`)
		require.Equal(t, "application/json", got.header.Get("Content-Type"))
		for _, scheme := range []verify.Scheme{verify.BodyOnly, verify.ReplayProtected} {
			v, err := verify.New(secret, &verify.Options{Scheme: scheme})
			require.NoError(t, err)
			require.NoError(t, v.VerifyHeaders([]byte(got.body), got.header))
			require.Error(t, v.VerifyHeaders([]byte(got.body+" "), got.header))
		}
	})
}

// Slack gets one message a second, so that a burst costs no attempt.
func TestSlackIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		server := &chatpeer.SlackServer{Hooks: map[string]string{"/services/T/B/x": ""}, Limit: 990 * time.Millisecond}
		w.net.Handle("hooks.slack.com", server)
		e, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: account, Name: "x", URL: "https://hooks.slack.com/services/T/B/x", Events: []webhook.EventType{events.LeadScored}})
		require.NoError(t, err)
		began := time.Now()
		w.emit(30)
		w.drain()
		require.Len(t, server.Posted(), 30)
		require.GreaterOrEqual(t, time.Since(began), 29*time.Second)
		require.Less(t, time.Since(began), 60*time.Second)
		for _, r := range w.log(e) {
			require.Len(t, r.Attempts, 1, "a burst ate an attempt")
		}

		// Faster, because the customer says so: Slack asks for a pause, and gets it.
		w.patch(e, webhook.EndpointPatch{PerSecond: webhook.Set(100.0)})
		w.emit(5)
		w.drain()
		require.Len(t, server.Posted(), 35)
		require.NoError(t, server.Wrong())
	})
}

// Slack's refusals are shown in its own words, and 410 is what it is anywhere.
func TestSlackRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Retry: webhook.Schedule{time.Second}})
		w.net.Handle("hooks.slack.com", &chatpeer.SlackServer{Hooks: map[string]string{"/services/archived": "channel_is_archived", "/services/prohibited": "action_prohibited"}})
		for path, want := range map[string]struct {
			status int
			text   string
		}{"archived": {410, "channel_is_archived"}, "prohibited": {403, "action_prohibited"}, "gone": {404, "no_service"}} {
			e, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: "acct_" + path, Name: "x", URL: "https://hooks.slack.com/services/" + path, Events: []webhook.EventType{events.LeadScored}})
			require.NoError(t, err)
			w.emitOf(1, e.Account, events.LeadScored, events.LeadScoredData{Lead: events.Lead{ID: "1"}})
			w.drain()
			r := w.record(e)
			require.Equal(t, want.status, r.Health.Status)
			require.Equal(t, want.text, string(r.Health.Response))
			require.Equal(t, want.status != 410, r.Enabled)
		}
	})
}

// A format gets the event as it is stored.
func TestFormatEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan webhook.FormatEvent, 1)
		w := newWorld(t, webhook.Options{Formats: []webhook.Format{{Name: "own", Title: "Own", Render: func(e webhook.FormatEvent) (string, []byte, error) {
			got <- e
			return "application/vnd.own+json", e.Data, nil
		}}}})
		e, rc := w.endpoint("own.example.com", func(e *webhook.Endpoint) { e.Format = "own" }, nil)
		at := time.Date(2026, 11, 23, 10, 15, 30, 123e6, time.UTC)
		sent, err := w.d.Emit(t.Context(), webhook.Event{Account: account, Type: events.LeadScored, OccurredAt: at, Data: json.RawMessage(`{"lead":{"id":"7"},"big":12345678901234567890}`)})
		require.NoError(t, err)
		w.drain()
		f := <-got
		require.Equal(t, webhook.FormatEvent{
			ID: sent.ID, Account: account, Type: "lead.scored", Title: "Lead Scored", OccurredAt: at,
			Data: json.RawMessage(`{"lead":{"id":"7"},"big":12345678901234567890}`),
			Body: []byte(`{"event":"lead.scored","timestamp":"2026-11-23T10:15:30.123Z","data":{"lead":{"id":"7"},"big":12345678901234567890}}`),
		}, f)
		require.Equal(t, `{"lead":{"id":"7"},"big":12345678901234567890}`, rc.requests()[0].body)
		require.Equal(t, f.ID, rc.requests()[0].header.Get("Webhook-Id"))
		_, err = w.d.Test(t.Context(), account, e.ID, events.MeetingBooked, webhook.EndpointPatch{})
		require.NoError(t, err)
		f = <-got
		require.True(t, f.Test)
		require.Equal(t, "Meeting Booked", f.Title)
	})
}
