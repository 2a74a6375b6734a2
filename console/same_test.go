package console_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// A page says what its JSON says.
func TestPageAndJSONAgree(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Broken", 500, "out of order")
	w.add("Fresh", 200, "")
	w.happen(3)
	w.deliver()
	n := w.deliveries(e)[1].ID
	for path, shown := range map[string]string{
		"":                       `^\.webhooks\.(name|url|summary)$`,
		e.ID:                     `^\.webhook\.(name|url|summary)$|^\.deliveries\.(title|summary)$`,
		e.ID + "/" + itoa(n):     `^\.delivery\.(title|summary|event|type)$|^\.delivery\.attempts\.response$|^\.webhook\.name$`,
		e.ID + "/edit":           `^\.webhook\.(name|url)$|^\.events\.(name|title|description)$`,
		e.ID + "/delete":         `^\.webhook\.(name|url)$`,
		e.ID + "/verify":         `^\.snippets\.(title|needs|code)$`,
		e.ID + "/edit?x=ignored": `^\.webhook\.name$`,
	} {
		page := w.get(path)
		said := text(page.Body.String()) + values(page.Body.String())
		seen := 0
		walk("", w.api("GET", path, "", 200), func(at string, v string) {
			if regexp.MustCompile(shown).MatchString(at) {
				require.Contains(t, said, strings.Join(strings.Fields(v), " "), "%s of %s", at, path)
				seen++
			}
		})
		require.NotZero(t, seen, path)
	}
	list := w.api("GET", "", "", 200)
	require.Contains(t, w.see(""), fmt.Sprintf("%v of %v used", list["used"], list["limit"]))
	require.Contains(t, w.see(""), fmt.Sprintf("%v deliveries were never delivered", list["webhooks"].([]any)[0].(map[string]any)["undelivered"]))
}

// values are those of a page's form.
func values(page string) string {
	var out strings.Builder
	for _, t := range parse(page) {
		out.WriteString(" " + t.attrs["value"])
	}
	return out.String()
}

func walk(at string, v any, f func(at, v string)) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			walk(at+"."+k, x, f)
		}
	case []any:
		for _, x := range v {
			walk(at, x, f)
		}
	case string:
		f(at, v)
	}
}

// Whether a payload is cut is said of what is shown: in JSON as it was sent, on
// the page indented.
func TestPayloadIsCut(t *testing.T) {
	const limit = 8 << 10
	for _, c := range []struct {
		name     string
		note     string // a part of the payload
		json     bool
		indented bool
	}{
		{"short", `1`, false, false},
		{"long when it is indented", "[1" + strings.Repeat(",1", 2000) + "]", false, true},
		{"long", `"` + strings.Repeat("x", limit) + `"`, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			e := w.add("Ours", 200, "")
			_, err := w.d.Emit(t.Context(), webhook.Event{Account: w.account, Type: events.LeadScored, Data: json.RawMessage(`{"lead":{"id":"lead_1"},"note":` + c.note + `}`)})
			require.NoError(t, err)
			w.deliver()
			path := e.ID + "/" + itoa(w.deliveries(e)[0].ID)
			got := w.api("GET", path, "", 200)
			require.Equal(t, c.json, got["payload_cut"])
			if !c.json {
				require.JSONEq(t, w.get(path+"/payload").Body.String(), got["payload"].(string))
				require.EqualValues(t, len(got["payload"].(string)), got["payload_bytes"])
			} else {
				require.Len(t, got["payload"], limit)
			}
			require.Equal(t, c.indented, strings.Contains(w.see(path), "only its beginning is shown"))
		})
	}
}

// Times are machine-readable, in UTC without JavaScript, with the exact value
// on hover.
func TestTimes(t *testing.T) {
	w := newWorld(t, nil)
	e := w.add("Ours", 200, "")
	w.happen(1)
	w.deliver()
	page := w.get(e.ID).Body.String()
	all := regexp.MustCompile(`<time([^>]*)>([^<]*)</time>`).FindAllStringSubmatch(page, -1)
	require.Greater(t, len(all), 3)
	for _, m := range all {
		require.Regexp(t, `^ datetime="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z" title="\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC"$`, m[1])
		require.Regexp(t, `^\d{1,2} [A-Z][a-z]{2} \d\d:\d\d UTC$`, m[2])
	}
}

// The programs of the page are those of the documentation, which are run
// against deliveries.
func TestSnippetsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/receiving.md")
	require.NoError(t, err)
	files, err := os.ReadDir("snippets")
	require.NoError(t, err)
	require.Len(t, files, 5)
	for _, f := range files {
		b, err := os.ReadFile("snippets/" + f.Name())
		require.NoError(t, err)
		require.Contains(t, string(doc), string(b), f.Name())
	}
}
