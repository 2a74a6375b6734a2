package console_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// A key is made, replaced and removed; its public half verifies what is sent,
// and its private half is nowhere.
func TestSigningKey(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	var got http.Header
	var body string
	w.network.Handle("host-1.example.com", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Header
		var b strings.Builder
		_ = r.Write(&b)
		_, body, _ = strings.Cut(b.String(), "\r\n\r\n")
	}))
	require.Contains(t, w.see(e.ID+"/signing-key"), "Make a key")
	rec := w.post(e.ID+"/signing-key", "version", "1")
	require.Equal(t, 303, rec.Code, rec.Body)
	require.Equal(t, "../"+e.ID+"/signing-key?done=keymade", rec.Header().Get("Location"))
	require.Equal(t, 409, w.post(e.ID+"/signing-key", "version", "1").Code, "the button was pressed twice")
	public := w.stored(e).PublicKey
	require.Regexp(t, `^whpk_`, public)

	w.happen(1)
	w.deliver()
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whpk_"))
	require.NoError(t, err)
	entry := regexp.MustCompile(`v1a,(\S+)`).FindStringSubmatch(got.Get("webhook-signature"))
	require.NotNil(t, entry, got)
	sum, err := base64.StdEncoding.DecodeString(entry[1])
	require.NoError(t, err)
	require.True(t, ed25519.Verify(raw, []byte(got.Get("webhook-id")+"."+got.Get("webhook-timestamp")+"."+body), sum))

	for _, path := range []string{e.ID, e.ID + "/signing-key", e.ID + "/verify"} {
		require.Contains(t, w.see(path), public, path)
	}
	stored, err := w.store.Endpoints(t.Context(), webhook.EndpointQuery{Account: "acme", ID: e.ID, Limit: 1})
	require.NoError(t, err)
	private := stored[0].SigningKey.Reveal()
	require.Regexp(t, `^whsk_`, private)
	gets, posts := pages(e.ID, w.deliveries(e)[0].ID)
	for _, accept := range []string{browser, "application/json"} {
		for _, path := range gets {
			unseen(t, w.send("GET", path, "", "", accept), path, private, "whsk_")
		}
		for _, path := range posts[:len(posts)-1] {
			if !strings.Contains(path, "signing-key") {
				unseen(t, w.send("POST", path, "application/x-www-form-urlencoded", form("name", "Ours", "url", e.URL, "events", "lead.scored", "test_event", "lead.scored"), accept), path, private, "whsk_")
			}
		}
	}

	view := w.api("POST", e.ID+"/signing-key", ``, 200)["webhook"].(map[string]any)
	require.NotEqual(t, public, view["public_key"])
	w.api("POST", e.ID+"/edit", `{"secret":null}`, 200)
	view = w.api("GET", e.ID, "", 200)["webhook"].(map[string]any)
	require.Equal(t, true, view["signed"])
	require.Equal(t, false, view["has_secret"])
	require.NotContains(t, w.see(e.ID), "Not signed")
	require.Contains(t, w.see(e.ID), "Signed with a key")
	require.Contains(t, w.see(e.ID+"/verify"), "verify.NewPublic")
	preview := w.api("POST", e.ID+"/preview", `{"test_event":"lead.scored"}`, 200)["preview"].(map[string]any)
	require.Contains(t, preview["curl"], "Webhook-Signature: v1a,SIGNATURE")
	require.NotContains(t, preview["curl"], "X-Webhook-Signature")
	view = w.api("POST", e.ID+"/remove-signing-key", ``, 200)["webhook"].(map[string]any)
	require.Equal(t, "", view["public_key"])
	require.Equal(t, false, view["signed"])
	require.Contains(t, w.see(e.ID), "Not signed")
}

// A format is chosen by name or by the URL, everywhere where it matters.
func TestFormat(t *testing.T) {
	w := newWorld(t, nil)
	rec := w.get("new")
	require.Contains(t, text(rec.Body.String()), "Automatic knows the URLs of Slack and Discord, and sends JSON to all others.")
	var values []string
	for _, o := range regexp.MustCompile(`<option value="([^"]*)"`).FindAllStringSubmatch(rec.Body.String(), 5) {
		values = append(values, o[1])
	}
	require.Equal(t, []string{"", "json", "slack", "discord", "teams"}, values)
	require.Len(t, w.api("GET", "new", "", 200)["formats"], 4)

	const slack = "https://hooks.slack.com/services/T0/B0/x"
	typed := []string{"name", "Channel", "url", slack, "events", events.LeadScored, "test_event", events.LeadScored}
	said := text(w.post("new/preview", typed...).Body.String())
	require.Contains(t, said, "Automatic: Slack")
	require.Contains(t, said, "What Slack gets")
	require.Contains(t, said, `"blocks"`)
	require.Contains(t, said, "Slack does not check signatures")
	said = text(w.post("new/preview", append(typed, "format", "json")...).Body.String())
	require.NotContains(t, said, `"blocks"`)
	require.NotContains(t, said, "Automatic: Slack")
	require.Equal(t, 422, w.post("new", append(typed, "format", "telegram")...).Code)

	require.Equal(t, 303, w.post("new", typed...).Code)
	list := w.api("GET", "", "", 200)["webhooks"].([]any)
	view := list[0].(map[string]any)
	id := view["id"].(string)
	require.Equal(t, "", view["format"])
	require.Equal(t, "slack", view["sent_as"])
	require.Contains(t, w.get("").Body.String(), `<span class="tag">Slack</span>`)
	page := w.see(id)
	require.Contains(t, page, "Slack, by its URL")
	require.Contains(t, page, "None: Slack does not check signatures")
	require.NotContains(t, page, "Code that verifies it")
	require.Contains(t, w.see(id+"/verify"), "There is nothing to do: Slack gets a message for people")
	require.Empty(t, w.api("GET", id+"/verify", "", 200)["snippets"])

	require.Equal(t, 303, w.post(id+"/edit", append(typed, "format", "teams", "enabled", "on")...).Code)
	require.Contains(t, w.see(id), "Microsoft Teams does not check signatures")
	view = w.api("POST", id+"/edit", `{"format":"json"}`, 200)["webhook"].(map[string]any)
	require.Equal(t, "json", view["sent_as"])
	require.Contains(t, w.see(id), "Code that verifies it")
	view = w.api("POST", id+"/edit", `{"format":null}`, 200)["webhook"].(map[string]any)
	require.Equal(t, "slack", view["sent_as"])
}

// A format that this process does not know is kept by an edit of something else.
func TestStrangeFormat(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	old := w.stored(e).Endpoint
	old.Format = "telegram"
	_, err := w.store.PutEndpoint(t.Context(), old, 0)
	require.NoError(t, err)
	require.Contains(t, w.get(e.ID+"/edit").Body.String(), `<option value="telegram" selected>`)
	require.Equal(t, 303, w.post(e.ID+"/edit", "name", "Renamed", "url", e.URL, "events", events.LeadScored, "format", "telegram", "enabled", "on").Code)
	require.Equal(t, "telegram", w.stored(e).Format)
}
