package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/examples/internal/standin"
)

func TestDemonstration(t *testing.T) {
	var out standin.Output
	if err := demonstrate(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if n := strings.Count(out.String(), "missing: 0,"); n != len(events.All()) {
		t.Errorf("%d events have all fields, want %d:\n%s", n, len(events.All()), &out)
	}
	for _, want := range []string{
		"data.meeting.attendee.email      renee@lumenfjord.example.com", "data__lead__id",
		"33 requests were taken, and the workflows ran 16 times",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
}

// A field that is left out is named.
func TestAbsent(t *testing.T) {
	kind := events.All()[5]
	body, err := json.Marshal(map[string]any{"event": kind.Name, "timestamp": "2026-11-23T10:15:30.000Z", "data": kind.Sample()})
	if err != nil {
		t.Fatal(err)
	}
	fields, err := flatten(body, "__")
	if err != nil || len(absent(kind, run{fields: fields})) != 0 {
		t.Errorf("%v; the sample lacks %q", err, absent(kind, run{fields: fields}))
	}
	fields, err = flatten([]byte(strings.Replace(string(body), `"join_url"`, `"joinUrl"`, 1)), "__")
	if got := absent(kind, run{fields: fields}); err != nil || fmt.Sprint(got) != "[data.meeting.join_url]" {
		t.Errorf("%v; it lacks %q", err, got)
	}
}

func TestKey(t *testing.T) {
	const at = "2026-11-23T10:15:30.000Z"
	for body, want := range map[string]string{
		`{"event":"lead.scored","timestamp":"` + at + `","data":{"lead":{"id":"l"}}}`:                         "lead.scored " + at + " l",
		`{"event":"message.sent","timestamp":"` + at + `","data":{"lead":{"id":"l"},"message":{"id":"m"}}}`:   "message.sent " + at + " m",
		`{"event":"meeting.booked","timestamp":"` + at + `","data":{"lead":{"id":"l"},"meeting":{"id":"b"}}}`: "meeting.booked " + at + " b",
		`{"event":"of.ones.own","timestamp":"` + at + `","data":{"x":1}}`:                                     "",
		`{"event":"lead.scored","timestamp":"` + at + `","data":{"lead":"l"}}`:                                "",
		`[1,2]`: "", `null`: "", ``: "",
	} {
		got := Key([]byte(body))
		if want == "" && len(got) == 64 {
			if got == Key([]byte(body+" ")) {
				t.Errorf("the key of %s does not depend on the body", body)
			}
			continue
		}
		if got != want {
			t.Errorf("the key of %s is %q, want %q", body, got, want)
		}
	}
}

func TestFlatten(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":{"b":1,"c":null},"d":[],"e":[{"f":true},{"f":false,"g":1}],"h":["x","y"]}`: "[{a__b 1} {a__c null} {d []} {e__f true} {h x}]",
		`12345678901234567890`: "[{ 12345678901234567890}]", `"x"`: "[{ x}]", `null`: "[{ null}]", `[]`: "[{ []}]",
		`{}`: "[]", `{"a":{}}`: "[]", `[[1,2],[3]]`: "[{ 1}]", `[{},{}]`: "[{ []}]",
	} {
		got, err := flatten([]byte(body), "__")
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v, want %s", body, got, err, want)
		}
	}
	for _, body := range []string{``, `{`, `{"a":1}{`, `nul`, strings.Repeat("[", 1<<20)} {
		if got, err := flatten([]byte(body), "__"); err == nil {
			t.Errorf("%.20s: %v", body, got)
		}
	}
}

func FuzzFlatten(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1,"c":null},"d":[],"e":[{"f":true},{"f":false,"g":1}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := flatten(body, "__")
		if (err == nil) != json.Valid(body) {
			t.Errorf("%v, and json.Valid is %v", err, json.Valid(body))
		}
		if len(fields) > len(body) {
			t.Errorf("%d fields of %d bytes", len(fields), len(body))
		}
		_ = Key(body)
	})
}

// What the tools answer, to what is no delivery as well.
func TestTools(t *testing.T) {
	for _, c := range []struct {
		tool   *tool
		body   string
		status int
		answer string
	}{
		{newZapier(), `[1]`, 200, `"status":"success"`}, {newMake(), `"x"`, 200, "Accepted"},
		{newZapier(), ``, 400, "no JSON"}, {newMake(), `{`, 400, "no JSON"},
	} {
		rec := httptest.NewRecorder()
		c.tool.ServeHTTP(rec, httptest.NewRequest("POST", "/", strings.NewReader(c.body)))
		if rec.Code != c.status || !strings.Contains(rec.Body.String(), c.answer) {
			t.Errorf("%q: answered %d %s, want %d %s", c.body, rec.Code, rec.Body, c.status, c.answer)
		}
	}
}

// A scenario that is turned off is a failure that the product shows.
func TestTurnedOff(t *testing.T) {
	scenario := newMake()
	s, err := standin.NewSender(scenario)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Subscribe(context.Background(), "/make", "", events.LeadCreated); err != nil {
		t.Fatal(err)
	}
	scenario.turnOff()
	if err := s.Emit(t.Context(), events.LeadCreated, standin.Sample(events.LeadCreated)); err == nil || !strings.Contains(err.Error(), "410") {
		t.Errorf("turned off: %v", err)
	}
}
