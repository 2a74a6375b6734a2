package events

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestListIsNeverNull(t *testing.T) {
	for _, c := range []struct {
		list List[string]
		want string
	}{
		{nil, `[]`},
		{List[string]{}, `[]`},
		{[]string{"a", "b"}, `["a","b"]`},
	} {
		got, err := json.Marshal(c.list)
		if err != nil || string(got) != c.want {
			t.Errorf("%#v: %s, %v, want %s", c.list, got, err, c.want)
		}
	}
	if got, err := json.Marshal(List[float64]{math.NaN()}); err == nil {
		t.Errorf("NaN was encoded as %s", got)
	}
	var decoded struct{ L List[int] }
	for _, text := range []string{`{"L":[]}`, `{"L":null}`, `{}`} {
		if err := json.Unmarshal([]byte(text), &decoded); err != nil || len(decoded.L) != 0 {
			t.Errorf("%s: %v, %v", text, decoded.L, err)
		}
	}
}

func TestTimeToJSON(t *testing.T) {
	zone := time.FixedZone("", -5*3600)
	for _, c := range []struct {
		time Time
		want string
	}{
		{Time{}, `null`},
		{At(time.Time{}), `null`},
		{At(time.Date(2026, 11, 23, 10, 15, 30, 0, time.UTC)), `"2026-11-23T10:15:30.000Z"`},
		{At(time.Date(2026, 11, 23, 10, 15, 30, 123_999_999, zone)), `"2026-11-23T15:15:30.123Z"`},
		{Time{time.Date(2026, 11, 23, 10, 15, 30, 123_999_999, zone)}, `"2026-11-23T15:15:30.123Z"`},
	} {
		got, err := json.Marshal(c.time)
		if err != nil || string(got) != c.want {
			t.Errorf("%v: %s, %v, want %s", c.time, got, err, c.want)
		}
	}
	for _, year := range []int{-1, 10000} {
		if got, err := json.Marshal(Time{time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
			t.Errorf("year %d was encoded as %s", year, got)
		}
	}
}

func TestTimeFromJSON(t *testing.T) {
	want := time.Date(2026, 11, 23, 10, 15, 30, 123_000_000, time.UTC)
	for _, text := range []string{`"2026-11-23T10:15:30.123Z"`, `"2026-11-23T05:15:30.123-05:00"`, `"2026-11-23T10:15:30.123000+00:00"`} {
		var got Time
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.Time != want {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	known := At(want)
	if err := json.Unmarshal([]byte(`null`), &known); err != nil || !known.IsZero() {
		t.Errorf("null: %v, %v, want the zero Time", known, err)
	}
	for _, text := range []string{`""`, `"2026-11-23"`, `1`, `{}`, `"yesterday"`} {
		var got Time
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s was decoded as %v", text, got)
		}
	}
}

// At gives what a receiver will decode, so that both sides compare equal.
func TestAtSurvivesTheRoundTrip(t *testing.T) {
	sent := At(time.Now())
	text, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	var got Time
	if err := json.Unmarshal(text, &got); err != nil || got != sent {
		t.Errorf("%v, %v, want %v", got, err, sent)
	}
}

func TestOptionalFields(t *testing.T) {
	if p := Ptr(0); p == nil || *p != 0 {
		t.Error("Ptr(0) is not a known 0")
	}
	if NonZero("") != nil || NonZero(0) != nil {
		t.Error("NonZero of a zero value is not nil")
	}
	if p := NonZero("x"); p == nil || *p != "x" {
		t.Error(`NonZero("x") is not "x"`)
	}
	if Value[string](nil) != "" || Value(Ptr("x")) != "x" {
		t.Error("Value does not read what a pointer points to")
	}
}
