package events

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
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

// Whatever text is an instant to us encodes, and decodes to what At makes of it.
// Mutation seldom gives another instant, so some are made from numbers.
func FuzzTime(f *testing.F) {
	for i, text := range []string{`null`, `"2026-11-23T10:15:30.123Z"`, `"2026-11-23T05:15:30.123999999-05:00"`, `"0001-01-01T00:00:00.0005Z"`, `"0000-01-01T00:00:00+00:01"`, `"0000-01-01T00:00:00.0009Z"`,
		`"9999-12-31T23:59:59.999999999-23:59"`, `"2026-11-23T10:15:30,5Z"`, `"2026-11-23t10:15:30z"`, `"2026-02-29T00:00:00Z"`, `"2026-12-31T23:59:60Z"`, `"`, ``} {
		f.Add([]byte(text), int64(i)<<33, uint32(i)*99_999_999, int16(i*100-500))
	}
	first := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	span := uint64(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).Unix() - first)
	f.Fuzz(func(t *testing.T, text []byte, seconds int64, nanos uint32, offset int16) {
		zone := time.FixedZone("", int(offset)%(24*60)*60)
		at := time.Unix(first+int64(uint64(seconds)%span), int64(nanos%1e9)).In(zone)
		checkTime(t, text)
		checkTime(t, at.AppendFormat(nil, `"`+time.RFC3339Nano+`"`))
	})
}

func checkTime(t *testing.T, text []byte) {
	t.Helper()
	var got, again Time
	if got.UnmarshalJSON(text) != nil {
		return
	}
	wire, err := json.Marshal(got)
	if year := got.Year(); year < 0 || year > 9999 { // in UTC, where the text has an offset
		if err == nil {
			t.Errorf("%s, of the year %d, was encoded as %s", text, year, wire)
		}
		return
	}
	if err != nil {
		t.Errorf("%s was decoded, but not encoded: %v", text, err)
		return
	}
	if err := json.Unmarshal(wire, &again); err != nil || again != At(got.Time) {
		t.Errorf("%s gives %s, and that %v, %v", text, wire, again, err)
	}
}

// Whatever JSON is the data of an event encodes to every field, with no list
// null, and what that decodes to encodes to the same.
func FuzzData(f *testing.F) {
	for i, e := range All() {
		text, err := json.Marshal(e.Sample())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), text)
		f.Add(uint8(i), []byte(`{"lead":null,"LEAD":{"id":"\ud800"},"enrichment":{"skills":["a",null],"skills":null},"meeting":{"start":null}}`))
		f.Add(uint8(i), []byte(`{"lead":{"name":""},"score":{"fit":-0,"scored_at":"0001-01-01T00:00:00.0005Z"},"conversation":{"recent_messages":[{},null]}}`))
	}
	f.Fuzz(func(t *testing.T, i uint8, text []byte) {
		e := All()[int(i)%len(All())]
		first, second := reflect.New(e.Data), reflect.New(e.Data)
		if json.Unmarshal(text, first.Interface()) != nil {
			return
		}
		wire, err := json.Marshal(first.Interface())
		if err != nil {
			if !strings.Contains(err.Error(), "outside 0 to 9999") { // as of FuzzTime
				t.Errorf("%s: %s was decoded, but not encoded: %v", e.Name, text, err)
			}
			return
		}
		checkShape(t, "data", e.Data, decode(t, wire))
		if err := json.Unmarshal(wire, second.Interface()); err != nil {
			t.Fatalf("%s: %s gives %s, and that %v", e.Name, text, wire, err)
		}
		// A time that is zero but for what At cuts off is null from then on.
		wire = bytes.ReplaceAll(wire, []byte(`"0001-01-01T00:00:00.000Z"`), []byte("null"))
		if again, err := json.Marshal(second.Interface()); err != nil || !bytes.Equal(again, wire) {
			t.Errorf("%s: %s gives %s, and then %s, %v", e.Name, text, wire, again, err)
		}
	})
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
