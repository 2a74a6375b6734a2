package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// schemas are those of docs/schemas, by event.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	out := map[string]*jsonschema.Schema{}
	for _, e := range events.All() {
		s, err := c.Compile("../../docs/schemas/" + e.Name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if s.DraftVersion != 2020 {
			t.Errorf("%s is of draft %d", e.Name, s.DraftVersion)
		}
		out[e.Name] = s
	}
	return out
}

func value(t *testing.T, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What is delivered is what the schemas describe: the samples, and data of which
// nothing is known.
func TestSchemasDescribeDeliveries(t *testing.T) {
	all := schemas(t)
	url, requests := mailbox(t)
	s := newSender(t, url, secrets[0].secret)
	s.want(t, http.StatusNoContent)
	for _, e := range events.All() {
		if _, err := s.Emit(t.Context(), webhook.Event{Account: account, Type: e.Name, Data: e.New()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(requests) != 2*len(events.All()) {
		t.Fatalf("%d deliveries, want the samples and as many without anything known", len(requests))
	}
	for len(requests) > 0 {
		r := <-requests
		var head struct{ Event string }
		if err := json.Unmarshal(r.body, &head); err != nil {
			t.Fatal(err)
		}
		if err := all[head.Event].Validate(value(t, r.body)); err != nil {
			t.Errorf("%s: %v\n%s", head.Event, err, r.body)
		}
		for name, other := range all {
			if name != head.Event && other.Validate(value(t, r.body)) == nil {
				t.Errorf("%s passes for %s", head.Event, name)
			}
		}
	}
}

// A payload that lacks any field, has null where none may be, or another type, is
// refused; one with more fields is not.
func TestSchemasRefuse(t *testing.T) {
	all := schemas(t)
	for _, e := range events.All() {
		text, err := json.Marshal(map[string]any{"event": e.Name, "timestamp": "2026-11-23T10:15:30.123Z", "data": e.Sample()})
		if err != nil {
			t.Fatal(err)
		}
		payload := value(t, text)
		tried := 0
		refused := func(what string) {
			tried++
			if all[e.Name].Validate(payload) == nil {
				t.Errorf("%s: %s passes", e.Name, what)
			}
		}
		walk(payload, "", func(object map[string]any, path, name string, was any) {
			path += "." + name
			delete(object, name)
			refused(path + " left out")
			object[name] = []any{map[string]any{}, "text"}
			if _, ok := was.([]any); ok {
				object[name] = true
			}
			refused(path + " of another type")
			switch was.(type) {
			case map[string]any, []any:
				object[name] = nil
				refused(path + " null")
			}
			object[name] = was
		})
		if tried < 30 {
			t.Errorf("%s: %d changes were tried: the walk is broken", e.Name, tried)
		}
		walk(payload, "", func(object map[string]any, _, _ string, _ any) { object["added_later"] = 1 })
		if err := all[e.Name].Validate(payload); err != nil {
			t.Errorf("%s with more fields: %v", e.Name, err)
		}
	}
	for path, wrong := range map[string]any{
		"data.lead.id": nil, "data.lead.email": "no address", "data.lead.x_url": "no URL", "data.score.overall": 101,
		"data.score.scored_at": "yesterday", "data.enrichment.experience.0.start_date": "May 2020", "event": "lead.created",
	} {
		text, err := json.Marshal(map[string]any{"event": events.LeadScored, "timestamp": "2026-11-23T10:15:30.123Z", "data": events.All()[1].Sample()})
		if err != nil {
			t.Fatal(err)
		}
		payload := value(t, text)
		set(t, payload, path, wrong)
		if all[events.LeadScored].Validate(payload) == nil {
			t.Errorf("%s: %v passes", path, wrong)
		}
	}
}

// walk calls f for every member of every object.
func walk(v any, path string, f func(object map[string]any, path, name string, was any)) {
	switch v := v.(type) {
	case map[string]any:
		var names []string
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			walk(v[name], path+"."+name, f)
			f(v, path, name, v[name])
		}
	case []any:
		for i, x := range v {
			walk(x, fmt.Sprintf("%s.%d", path, i), f)
		}
	}
}

// set replaces what is at a path.
func set(t *testing.T, v any, path string, to any) {
	t.Helper()
	var found bool
	walk(v, "", func(object map[string]any, at, name string, _ any) {
		if at+"."+name == "."+path {
			object[name], found = to, true
		}
	})
	if !found {
		t.Fatalf("there is no %s", path)
	}
}
