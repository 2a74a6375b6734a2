package events

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

type invoice struct {
	ID string `json:"id"`
}

func invoicePaid() Type {
	return Of("invoice.paid", "Invoice Paid", "An invoice was paid", func() invoice { return invoice{ID: "in_1"} })
}

func TestOf(t *testing.T) {
	typ := invoicePaid()
	if err := typ.Validate(); err != nil {
		t.Fatal(err)
	}
	if typ.Data != reflect.TypeFor[invoice]() {
		t.Errorf("Data is %s", typ.Data)
	}
	if got, ok := typ.New().(*invoice); !ok || got == nil || *got != (invoice{}) {
		t.Errorf("New returns %#v", typ.New())
	}
	if got := typ.Sample(); got != (invoice{ID: "in_1"}) {
		t.Errorf("Sample returns %#v", got)
	}
}

func TestAccepts(t *testing.T) {
	scored := All()[1]
	loose := Of("loose.event", "Loose", "Anything", func() map[string]any { return map[string]any{"a": 1} })
	pointer := Ptr(LeadScoredData{})
	for _, c := range []struct {
		typ  Type
		data any
		want string // "" accepts
	}{
		{scored, LeadScoredData{}, ""},
		{scored, pointer, ""},
		{scored, nil, "events: lead.scored takes events.LeadScoredData, not nil"},
		{scored, (*LeadScoredData)(nil), "events: lead.scored takes events.LeadScoredData, not a nil *events.LeadScoredData"},
		{scored, &pointer, "events: lead.scored takes events.LeadScoredData, not **events.LeadScoredData"},
		{scored, LeadCreatedData{}, "events: lead.scored takes events.LeadScoredData, not events.LeadCreatedData"},
		{scored, map[string]any{}, "events: lead.scored takes events.LeadScoredData, not map[string]interface {}"},
		{scored, "text", "events: lead.scored takes events.LeadScoredData, not string"},
		{loose, map[string]any{}, ""},
		{loose, map[string]any(nil), "events: loose.event takes map[string]interface {}, not a nil map[string]interface {}"},
		{Type{Name: "bare"}, 1, "events: bare has no data type: make the type with Of"},
	} {
		var got string
		if err := c.typ.Accepts(c.data); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s with %T: %q, want %q", c.typ.Name, c.data, got, c.want)
		}
	}
}

// Two packages of a host may both have a type events.Paid: the error tells them
// apart.
func TestAcceptsTellsTypesOfOneNameApart(t *testing.T) {
	other := func() any {
		type invoice struct{}
		return invoice{}
	}()
	if got := reflect.TypeOf(other).String(); got != "events.invoice" {
		t.Fatalf("the other type prints as %s", got)
	}
	err := invoicePaid().Accepts(other)
	if err == nil || !strings.Contains(err.Error(), reflect.TypeFor[invoice]().PkgPath()+".invoice") {
		t.Errorf("error %v, want the import paths", err)
	}
}

func TestValidateNamesEveryMistake(t *testing.T) {
	change := func(f func(*Type)) Type {
		typ := invoicePaid()
		f(&typ)
		return typ
	}
	for _, c := range []struct {
		typ  Type
		want []string
	}{
		{Type{}, []string{"Name must be", "Title is empty", "Description is empty", "New is nil", "Sample is nil", "Data is nil"}},
		{Of[invoice]("a", "A", "A.", nil), []string{"Sample is nil"}},
		{Of("a", "A", "A.", func() *invoice { return new(invoice) }), []string{"Data is *events.invoice"}},
		{Of("a", "A", "A.", func() any { return 1 }), []string{"Data is interface {}"}},
		{Of("a", "A", "A.", func() map[string]any { return nil }), []string{"Sample: events: a takes"}},
		{Of("a", "A", "A.", func() struct{ C chan int } { return struct{ C chan int }{} }), []string{"Sample: json: unsupported type: chan int"}},
		{change(func(t *Type) { t.New = func() any { return invoice{} } }), []string{"New returns events.invoice"}},
		{change(func(t *Type) { t.New = func() any { return (*invoice)(nil) } }), []string{"New returns *events.invoice"}},
		{change(func(t *Type) { t.Sample = func() any { return &invoice{} } }), []string{"Sample returns *events.invoice"}},
		{change(func(t *Type) { t.Sample = func() any { return nil } }), []string{"Sample returns <nil>"}},
	} {
		err := c.typ.Validate()
		if err == nil {
			t.Errorf("%q: no error, want %q", c.typ.Name, c.want)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(c.want) {
			t.Errorf("%q: %d mistakes, want %d:\n%v", c.typ.Name, len(lines), len(c.want), err)
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %v\nwant %q", c.typ.Name, err, w)
			}
		}
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("a", MaxNameLength)
	for name, want := range map[string]bool{
		"invoice.paid": true, "a": true, "A-1_b.c.d": true, long: true,
		"": false, ".": false, ".a": false, "a.": false, "a..b": false, "a b": false, "a\n": false,
		"é": false, "a/b": false, "a,b": false, "\x00": false, long + "a": false,
	} {
		typ := invoicePaid()
		typ.Name = name
		if got := typ.Validate() == nil; got != want {
			t.Errorf("name %q is valid: %v, want %v", name, got, want)
		}
	}
}

func BenchmarkEncodeLeadScored(b *testing.B) {
	sample := sampleLeadScored()
	for b.Loop() {
		if _, err := json.Marshal(sample); err != nil {
			b.Fatal(err)
		}
	}
}
