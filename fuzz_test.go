package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook/events"
)

// FuzzSealed gives what a store may hold to a keyring: whatever it is, it opens
// as itself if it was never sealed, as what was sealed in that place, or not at
// all.
func FuzzSealed(f *testing.F) {
	const message, place = "a message of the test's own", "endpoint url"
	key, err := NewEncryptionKey(bytes.Repeat([]byte{7}, 32))
	require.NoError(f, err)
	keys := keyring{key}
	whole, text := keys.seal([]byte(message), place), keys.sealText(message, place)
	response := keys.sealResponse(bytes.Repeat([]byte(message), 40), place)
	for _, stored := range []string{"", message, sealedPrefix, sealedPrefix + ":", sealedPrefix + key.id, sealedPrefix + key.id + ":", sealedPrefix + "00000000:x",
		string(whole), string(whole[:len(whole)-1]), text, text[:len(text)-1], text + "=", string(response), string(response[:1024]), strings.Repeat("sealed:1:", 20)} {
		f.Add([]byte(stored), place)
		f.Add([]byte(stored), "another place")
	}
	f.Fuzz(func(t *testing.T, stored []byte, at string) {
		sealed := bytes.HasPrefix(stored, []byte(sealedPrefix))
		judge := func(opened []byte, err error) {
			switch {
			case !sealed && (err != nil || !bytes.Equal(opened, stored)):
				t.Errorf("%q was never sealed, and opens as %q, %v", stored, opened, err)
			case sealed && err == nil && (string(opened) != message || at != place):
				t.Errorf("%q opens in %q as %q", stored, at, opened)
			}
		}
		before := bytes.Clone(stored)
		judge(keys.open(stored, at))
		opened, err := keys.openText(string(stored), at)
		judge([]byte(opened), err)
		opens := keys.openResponse(stored, at)
		if sealed && !bytes.HasPrefix(bytes.Repeat([]byte(message), 40), opens) && string(opens) != "(cannot be decrypted)" {
			t.Errorf("%q is the response %q", stored, opens)
		}
		s := string(stored)
		if e, err := keys.openEndpoint(Endpoint{ID: at, URL: s, Secret: Secret(s), OldSecret: Secret(s), SigningKey: Secret(s), Headers: map[string]string{"": s}}); err == nil && sealed {
			t.Errorf("%q opens in five places at a time: %+v", stored, e)
		}
		if !bytes.Equal(before, stored) {
			t.Error("what the store holds was written to")
		}
	})
}

// FuzzPatch gives the JSON of an edit to an endpoint: it is refused with the
// names of the fields, or the endpoint can be sent to and keeps what the patch
// does not name.
func FuzzPatch(f *testing.F) {
	for _, text := range []string{`{}`, `null`, `[]`, `{"name":null}`, `{"name":"CRM","url":"https://x.example.com/?a=b","events":["lead.scored"]}`,
		`{"secret":"0123456789abcdef"}`, `{"secret":"whsec_AAAA"}`, `{"secret":null,"headers":null}`, `{"headers":{"X-A":"1","x-a":"2","":""}}`,
		`{"timeout":1e9,"max_in_flight":-1,"per_second":1e-400}`, `{"enabled":null}`, `{"timeout":9223372036854775807,"per_second":1e308,"fifo":true,"enabled":false}`,
		`{"url":"https://127.0.0.1/","NAME":"x","name":"y"}`, `{"events":["lead.scored","lead.scored"]}`, `{"name":"\ud800\u0000"}`, `{"format":"slack"}`, `{"format":"x"}`, `{"url":"https://hooks.slack.com/services/T/B/x","format":null}`} {
		f.Add([]byte(text))
	}
	const key = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	f.Add([]byte(`{"signing_key":"` + key + `"}`))
	f.Add([]byte(`{"signing_key":"whsk_AAAA","name":"x"}`))
	f.Add([]byte(`{"signing_key":null}`))
	d := newDispatcher(f, nil)
	f.Fuzz(func(t *testing.T, text []byte) {
		var p EndpointPatch
		if json.Unmarshal(text, &p) != nil {
			return
		}
		was := good()
		was.Secret, was.Headers, was.Enabled = "0123456789abcdef", map[string]string{"X-A": "1"}, true
		was.SigningKey = Secret(key)
		was.Format, was.Timeout, was.MaxInFlight, was.PerSecond, was.FIFO = FormatJSON, 2*time.Second, 3, 0.5, true
		e := was
		p.apply(&e)
		if err := d.checkPatched(&e, &p); err != nil {
			var invalid *InvalidError
			if !errors.As(err, &invalid) || len(invalid.Fields) == 0 {
				t.Fatalf("%s: %v", text, err)
			}
			for _, x := range invalid.Fields {
				if !p.sets(x.Field) || x.Code == "" || x.Message == "" {
					t.Errorf("%s: %+v", text, x)
				}
			}
			return
		}
		if err := d.check(&e); err != nil {
			t.Errorf("%s: accepted as a patch, and then %v", text, err)
		}
		if target := d.newTarget(e); target.err != nil {
			t.Errorf("%s: accepted, and cannot be sent to: %v", text, target.err)
		}
		if !p.Name.IsSet && e.Name != was.Name || !p.URL.IsSet && e.URL != was.URL || !p.Secret.IsSet && e.Secret != was.Secret ||
			!p.SigningKey.IsSet && e.SigningKey != was.SigningKey ||
			!p.Events.IsSet && !slices.Equal(e.Events, was.Events) || !p.Headers.IsSet && !maps.Equal(e.Headers, was.Headers) ||
			!p.Format.IsSet && e.Format != was.Format || !p.Timeout.IsSet && e.Timeout != was.Timeout ||
			!p.MaxInFlight.IsSet && e.MaxInFlight != was.MaxInFlight || !p.PerSecond.IsSet && e.PerSecond != was.PerSecond ||
			!p.FIFO.IsSet && e.FIFO != was.FIFO || !p.Enabled.IsSet && !e.Enabled || e.Account != was.Account || e.ID != was.ID {
			t.Errorf("%s: changes more than it names: %+v", text, e)
		}
	})
}

// FuzzRawData emits raw JSON: it is refused, or the payload is JSON of exactly
// three fields.
func FuzzRawData(f *testing.F) {
	for _, text := range []string{``, `{}`, `null`, `1`, ` {"lead":{"id":"7"}} `, `{"lead":`, `{}}`, `{},"event":"x"`, `{"lead":{"id":"\ud800<&>"}}`, `{"score":1e999}`} {
		f.Add([]byte(text))
	}
	d := newDispatcher(f, nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		e := scored()
		e.Data = json.RawMessage(data)
		r, err := d.record(e)
		if err != nil {
			var invalid *InvalidError
			if !errors.As(err, &invalid) {
				t.Errorf("%q: %v", data, err)
			}
			return
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(r.Body, &fields); err != nil || len(fields) != 3 {
			t.Fatalf("%q gives %q: %v", data, r.Body, err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, data); err != nil || !bytes.Equal(compact.Bytes(), fields["data"]) {
			t.Errorf("%q gives %q", data, r.Body)
		}
		if want := `"` + events.LeadScored + `"`; string(fields["event"]) != want {
			t.Errorf("%q gives %q", data, r.Body)
		}
	})
}
