package console_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// unseen says that nothing secret is in an answer, body or header.
func unseen(t *testing.T, rec *httptest.ResponseRecorder, at string, secrets ...string) {
	t.Helper()
	said := text(rec.Body.String())
	for _, s := range append(secrets, "token-of-the-customer") {
		require.NotContains(t, said, s, at)
		require.NotContains(t, rec.Body.String(), s, at)
		for name, values := range rec.Header() {
			require.NotContains(t, strings.Join(values, " "), s, "%s: %s", at, name)
		}
	}
}

// A secret is shown once, when it was made, and then never again: not in a
// page, not in JSON, not in a value of a form, not in a command.
func TestSecretsAreWriteOnly(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 500, "no")
	w.happen(1)
	w.deliver()
	n := w.deliveries(e)[0].ID

	const typed = "a-secret-that-was-typed"
	rec := w.post("new", "name", "Typed", "url", "https://typed.example.com/", "events", "lead.scored", "secret", typed)
	require.Equal(t, 201, rec.Code)
	require.Contains(t, rec.Body.String(), typed)
	require.Contains(t, text(rec.Body.String()), "It is not shown again.")

	made := w.api("POST", "new", `{"name":"Made","url":"https://made.example.com/","events":["lead.scored"],"generate_secret":true}`, 201)
	generated := made["secret"].(string)
	require.Regexp(t, `^whsec_[A-Za-z0-9+/]{43}=$`, generated)
	madeID := made["webhook"].(map[string]any)["id"].(string)

	quiet := w.api("POST", "new", `{"name":"Brought","url":"https://brought.example.com/","events":["lead.scored"],"secret":"a-secret-that-was-brought"}`, 201)
	require.Nil(t, quiet["secret"])

	rec = w.post(e.ID+"/rotate", "overlap_hours", "24", "secret", "a-secret-by-rotation")
	require.Equal(t, 200, rec.Code)
	require.Contains(t, rec.Body.String(), "a-secret-by-rotation")
	again := w.api("POST", e.ID+"/rotate", `{}`, 200)["secret"].(string)

	all := []string{secret, typed, generated, strings.TrimPrefix(generated, "whsec_"), again, "a-secret-that-was-brought", "a-secret-by-rotation"}
	for _, id := range []string{e.ID, madeID} {
		gets, posts := pages(id, n)
		for _, accept := range []string{browser, "application/json"} {
			for _, path := range gets {
				unseen(t, w.send("GET", path, "", "", accept), path, all...)
			}
			for _, path := range posts {
				if strings.HasSuffix(path, "/rotate") || strings.HasSuffix(path, "/delete") {
					continue
				}
				body := form("name", "Ours", "url", "https://host-1.example.com/hook", "events", "lead.scored", "test_event", "lead.scored", "waiting", "send", "headers", "X-Token: ••••••••")
				unseen(t, w.send("POST", path, "application/x-www-form-urlencoded", body, accept), path, all...)
			}
		}
	}
	require.True(t, w.stored(e).HasSecret)
}

// A command is signed with a secret that was just typed, and with no other.
func TestSignedCommand(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	stored := w.api("POST", e.ID+"/preview", `{}`, 200)["preview"].(map[string]any)
	require.Equal(t, false, stored["signed"])
	require.Contains(t, stored["curl"], "X-Webhook-Signature: sha256=SIGNATURE")
	require.Contains(t, stored["curl"], "X-Token: your-value")
	typed := w.api("POST", e.ID+"/preview", `{"secret":"a-secret-that-was-typed"}`, 200)["preview"].(map[string]any)
	require.Equal(t, true, typed["signed"])
	require.Regexp(t, `X-Webhook-Signature: sha256=[0-9a-f]{64}'`, typed["curl"])
	require.Regexp(t, `Webhook-Signature: v1,[A-Za-z0-9+/]{43}='`, typed["curl"])
	require.NotContains(t, typed["curl"], "a-secret-that-was-typed")
	page := w.post(e.ID+"/preview", "name", "Ours", "url", e.URL, "events", "lead.scored", "secret", "a-secret-that-was-typed", "test_event", "lead.scored")
	require.Contains(t, text(page.Body.String()), "Signed with the secret that you typed")
	require.Contains(t, page.Body.String(), `value="a-secret-that-was-typed"`, "what was typed is kept")
}
