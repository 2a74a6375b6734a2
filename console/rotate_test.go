package console_test

import (
	"html"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
)

// rotation opens the page of a rotation, and returns the fields of its form.
func (w *world) rotation(e webhook.Endpoint) []string {
	w.Helper()
	fields := []string{"overlap_hours", "24", "secret", ""}
	for _, tag := range parse(w.get(e.ID + "/rotate").Body.String()) {
		if name := tag.attrs["name"]; name == "version" || name == "made" {
			fields = append(fields, name, html.UnescapeString(tag.attrs["value"]))
		}
	}
	require.Len(w, fields, 8)
	return fields
}

// secrets are the old and the new one.
func (w *world) secrets(e webhook.Endpoint) (before, now string) {
	w.Helper()
	stored, err := w.store.Endpoints(w.Context(), webhook.EndpointQuery{Account: e.Account, ID: e.ID, Limit: 1})
	require.NoError(w, err)
	return stored[0].OldSecret.Reveal(), stored[0].Secret.Reveal()
}

var shownSecret = regexp.MustCompile(`whsec_[A-Za-z0-9+/]{43}=`)

// Of two people who look at the same webhook and rotate its secret, one does: a
// second rotation would end the secret that the receiver has.
func TestTwoPeopleRotate(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	first, second := w.rotation(e), w.rotation(e)
	rec := w.post(e.ID+"/rotate", first...)
	require.Equal(t, http.StatusOK, rec.Code)
	made := shownSecret.FindString(html.UnescapeString(rec.Body.String()))
	for _, c := range []struct{ contentType, body string }{
		{"application/x-www-form-urlencoded", form(second...)},
		{"application/x-www-form-urlencoded", form("version", "1", "secret", "a-secret-of-somebody-else")},
		{"application/json", `{"version":1}`},
		{"application/json", `{"version":1,"secret":"a-secret-of-somebody-else"}`},
	} {
		rec := w.send("POST", e.ID+"/rotate", c.contentType, c.body, browser)
		require.Equal(t, http.StatusConflict, rec.Code, c.body)
		require.Contains(t, text(rec.Body.String()), "It was changed by somebody else meanwhile.")
		before, now := w.secrets(e)
		require.Equal(t, secret, before, c.body)
		require.Equal(t, made, now, c.body)
	}
	require.EqualValues(t, 2, w.stored(e).Version)
	require.Equal(t, http.StatusOK, w.post(e.ID+"/rotate", w.rotation(e)...).Code, "who looks again may")
}

// One form is one rotation, however often it is sent.
func TestRotationIsRepeated(t *testing.T) {
	for name, change := range map[string]func(fields []string){
		"a secret that was made":  func([]string) {},
		"a secret that was typed": func(fields []string) { fields[3] = "a-secret-that-was-typed" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			e := w.add("Ours", 200, "")
			fields := w.rotation(e)
			change(fields)
			var shown string
			for range 3 {
				rec := w.post(e.ID+"/rotate", fields...)
				require.Equal(t, http.StatusOK, rec.Code)
				before, now := w.secrets(e)
				require.Equal(t, secret, before)
				require.Contains(t, html.UnescapeString(rec.Body.String()), now)
				require.True(t, shown == "" || shown == now)
				shown = now
			}
			require.EqualValues(t, 2, w.stored(e).Version)
		})
	}
}

// A form that is sent twice at a time is one rotation, too.
func TestRotatedTwiceAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	fields := w.rotation(e)
	meet, reads := make(chan bool), atomic.Int32{}
	w.store.after("Endpoints", func() { // both look at it before either of them changes it
		if reads.Add(1) > 4 {
			return
		}
		select {
		case meet <- true:
		case <-meet:
		}
	})
	var wait sync.WaitGroup
	codes := make([]int, 2)
	for i := range codes {
		wait.Go(func() { codes[i] = w.post(e.ID+"/rotate", fields...).Code })
	}
	wait.Wait()
	w.store.after("", nil)
	require.Equal(t, []int{200, 200}, codes)
	require.Greater(t, reads.Load(), int32(4), "one of them came too late and looked again")
	before, now := w.secrets(e)
	require.Equal(t, secret, before)
	require.Equal(t, fields[7], now)
	require.EqualValues(t, 2, w.stored(e).Version)
}

// Who names no version rotates whatever is there.
func TestRotationWithoutVersion(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	first := w.api("POST", e.ID+"/rotate", `{"secret":"a-secret-that-was-sent"}`, 200)
	require.Nil(t, first["secret"])
	for _, c := range []struct {
		body    string
		version float64
	}{
		{`{"secret":"a-secret-that-was-sent"}`, 2},
		{`{"secret":"a-secret-that-was-sent","version":1}`, 2}, // it has that one
		{`{}`, 3},
	} {
		got := w.api("POST", e.ID+"/rotate", c.body, 200)
		require.Equal(t, c.version, got["webhook"].(map[string]any)["version"], c.body)
	}
	before, _ := w.secrets(e)
	require.Equal(t, "a-secret-that-was-sent", before)
}

// A rotation that began after somebody looked is not ended by them: the receiver
// may have the old secret only.
func TestEndOfAnotherRotation(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	require.Equal(t, http.StatusOK, w.post(e.ID+"/rotate", w.rotation(e)...).Code)
	end := regexp.MustCompile(`/end-rotation"><input type="hidden" name="version" value="(\d+)">`)
	seen := end.FindStringSubmatch(w.get(e.ID).Body.String())
	require.NotNil(t, seen)
	require.Equal(t, http.StatusOK, w.post(e.ID+"/rotate", w.rotation(e)...).Code)
	before, now := w.secrets(e)

	require.Equal(t, http.StatusConflict, w.post(e.ID+"/end-rotation", "version", seen[1]).Code)
	w.api("POST", e.ID+"/end-rotation", `{"version":`+seen[1]+`}`, 409)
	old, still := w.secrets(e)
	require.Equal(t, before, old)
	require.Equal(t, now, still)

	seen = end.FindStringSubmatch(w.get(e.ID).Body.String())
	for range 2 { // the answer may have been lost
		require.Equal(t, http.StatusSeeOther, w.post(e.ID+"/end-rotation", "version", seen[1]).Code)
		old, still = w.secrets(e)
		require.Empty(t, old)
		require.Equal(t, now, still)
	}
	w.api("POST", e.ID+"/end-rotation", "", 200)
}
