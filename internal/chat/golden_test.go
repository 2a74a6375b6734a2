package chat

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook/events"
)

var update = flag.Bool("update", false, "write the golden files")

var renderers = []struct {
	name   string
	render func(Event) ([]byte, error)
	check  func([]byte) error
}{
	{"slack", Slack, checkSlack}, {"discord", Discord, checkDiscord}, {"teams", Teams, checkTeams},
}

// samples are the events of package events, one that nothing is known of, and
// a test send.
func samples(t testing.TB) map[string]Event {
	out := map[string]Event{}
	at := time.Date(2026, time.November, 23, 10, 15, 30, 123e6, time.UTC)
	for _, typ := range events.All() {
		data, err := encode(typ.Sample())
		require.NoError(t, err)
		out[typ.Name] = Event{Type: typ.Name, Title: typ.Title, OccurredAt: at, Data: data}
	}
	out["invoice.paid"] = Event{Type: "invoice.paid", Title: "Invoice Paid", OccurredAt: at, Data: []byte(`{
		"id":"in_1","amount":{"cents":12345678901234567890,"currency":"EUR"},"paid":true,"late":false,"note":null,
		"customer":{"name":"Lumenfjord & Daughters","address":{"city":"Lisbon","zip":"1100-148"}},
		"lines":[{"sku":"a"},{"sku":"b"}],"tags":["first","renewal"],"none":[],"url":"https://billing.example.com/in_1"}`)}
	test := out[events.ReplyReceived]
	test.Test = true
	out["test"] = test
	return out
}

// The rendered samples are kept, so that a change of them is looked at.
func TestGolden(t *testing.T) {
	for _, r := range renderers {
		for name, e := range samples(t) {
			t.Run(r.name+"/"+name, func(t *testing.T) {
				got, err := r.render(e)
				require.NoError(t, err)
				require.NoError(t, r.check(got))
				again, err := r.render(e)
				require.NoError(t, err)
				require.Equal(t, string(got), string(again), "it must be a pure function")
				var b bytes.Buffer
				require.NoError(t, json.Indent(&b, got, "", "  "))
				b.WriteByte('\n')
				file := filepath.Join("testdata", r.name, name+".json")
				if *update {
					require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
					require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
				}
				want, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, string(want), b.String(), "look at it, then run go test ./internal/chat -run TestGolden -update")
			})
		}
	}
}
