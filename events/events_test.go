package events

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The constants serve as a sender's own string type without conversion.
type ownEventType string

var _ = []ownEventType{LeadCreated, LeadScored, ReplyReceived, MessageSent, AIResponseSent, MeetingBooked, EnrichmentCompleted}

const maxSample = 16 << 10

func TestAllSaysWhatCustomersWerePromised(t *testing.T) {
	want := []struct {
		name, title, description string
		data                     any
	}{
		{"lead.created", "Lead Created", "A new lead has been added to your account (from any source)", LeadCreatedData{}},
		{"lead.scored", "Lead Scored", "A lead has been scored by the buyer intelligence engine", LeadScoredData{}},
		{"reply.received", "Reply Received", "A lead replied to your DM or message", ReplyReceivedData{}},
		{"message.sent", "Message Sent", "An outreach message (DM) was sent to a lead", MessageSentData{}},
		{"ai_response.sent", "AI Response Sent", "The AI auto-responder sent a follow-up message in a conversation", AIResponseSentData{}},
		{"meeting.booked", "Meeting Booked", "A lead booked a meeting through your calendar link", MeetingBookedData{}},
		{"enrichment.completed", "Enrichment Completed", "A lead's profile enrichment has finished", EnrichmentCompletedData{}},
	}
	all := All()
	if len(all) != len(want) {
		t.Fatalf("All returns %d types, want %d", len(all), len(want))
	}
	for i, w := range want {
		got := all[i]
		if got.Name != w.name || got.Title != w.title || got.Description != w.description {
			t.Errorf("type %d is %q, %q, %q\nwant %q, %q, %q", i, got.Name, got.Title, got.Description, w.name, w.title, w.description)
		}
		if got.Data != reflect.TypeOf(w.data) {
			t.Errorf("%s has data %s, want %T", w.name, got.Data, w.data)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%s: %v", w.name, err)
		}
	}
	all[0].Name = "changed"
	if All()[0].Name != LeadCreated {
		t.Error("All returns a slice that callers share")
	}
}

func TestSamplesHoldEveryField(t *testing.T) {
	for _, typ := range All() {
		t.Run(typ.Name, func(t *testing.T) {
			text := encode(t, typ.Sample())
			if len(text) > maxSample {
				t.Errorf("sample has %d bytes, at most %d wanted", len(text), maxSample)
			}
			nulls := checkShape(t, "data", typ.Data, decode(t, text))
			for _, path := range nulls {
				// A position that is still held has no end: the one null that teaches.
				if path != "data.enrichment.experience[0].end_date" {
					t.Errorf("%s is null in the sample", path)
				}
			}
		})
	}
}

func TestZeroValuesHoldEveryField(t *testing.T) {
	for _, typ := range structTypes() {
		t.Run(typ.Name(), func(t *testing.T) {
			text := encode(t, reflect.Zero(typ).Interface())
			nulls := checkShape(t, typ.Name(), typ, decode(t, text))
			if want := nullable(typ.Name(), typ); !slices.Equal(nulls, want) {
				t.Errorf("null are %q\nwant %q", nulls, want)
			}
		})
	}
}

func TestSamplesSurviveTheRoundTrip(t *testing.T) {
	for _, typ := range All() {
		t.Run(typ.Name, func(t *testing.T) {
			sample := typ.Sample()
			text := encode(t, sample)
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.DisallowUnknownFields()
			got := typ.New()
			if err := decoder.Decode(got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(reflect.ValueOf(got).Elem().Interface(), sample) {
				t.Errorf("decoded sample differs:\n%+v\nwant\n%+v", got, sample)
			}
			if again := encode(t, got); !bytes.Equal(again, text) {
				t.Errorf("encoded again:\n%s\nwant\n%s", again, text)
			}
		})
	}
}

// A receiver that decodes the body and encodes it again before it verifies must
// get other bytes, whatever its language's encoder escapes.
func TestSamplesHoldAwkwardText(t *testing.T) {
	for _, typ := range All() {
		text := string(encode(t, typ.Sample()))
		for _, s := range []string{"&", "<", "‹", "é", `\u2028`} {
			if !strings.Contains(text, s) {
				t.Errorf("%s: no %s in the sample's JSON", typ.Name, s)
			}
		}
		if !strings.ContainsFunc(text, func(r rune) bool { return r > 0xFFFF }) {
			t.Errorf("%s: no character beyond U+FFFF in the sample's JSON", typ.Name)
		}
	}
}

// Lists leave the choice of escaping HTML to the encoder around them.
func TestListsFollowTheOuterEncodersEscaping(t *testing.T) {
	for _, typ := range All() {
		plain := encode(t, typ.Sample())
		for _, escaped := range []string{`\u0026`, `\u003c`, `\u003e`} {
			if bytes.Contains(plain, []byte(escaped)) {
				t.Errorf("%s: %s in JSON that does not escape HTML", typ.Name, escaped)
			}
		}
		html, err := json.Marshal(typ.Sample())
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsAny(html, "&<>") {
			t.Errorf("%s: &, < or > in JSON that escapes HTML", typ.Name)
		}
	}
}

func TestSamplesShareNothing(t *testing.T) {
	for _, typ := range All() {
		first, second := typ.Sample(), typ.Sample()
		if !reflect.DeepEqual(first, second) {
			t.Errorf("%s: two samples differ", typ.Name)
		}
		one, two := addresses(reflect.ValueOf(first)), addresses(reflect.ValueOf(second))
		if len(one) == 0 {
			t.Fatalf("%s: no pointer found", typ.Name)
		}
		for p := range one {
			if two[p] {
				t.Errorf("%s: two samples share memory", typ.Name)
				break
			}
		}
	}
}

func TestSamplesNameNobodyReal(t *testing.T) {
	hosts := regexp.MustCompile(`(?:https?://|[\w.]@)([\w.-]*\w)`)
	for _, typ := range All() {
		found := hosts.FindAllStringSubmatch(string(encode(t, typ.Sample())), -1)
		if len(found) == 0 {
			t.Errorf("%s: no address found in the sample", typ.Name)
		}
		for _, m := range found {
			if m[1] != "example.com" && !strings.HasSuffix(m[1], ".example.com") {
				t.Errorf("%s: address at %s, want only example.com", typ.Name, m[1])
			}
		}
	}
}

func TestSampleMessagesBelongToTheirConversation(t *testing.T) {
	check := func(name string, m Message, c Conversation, d Direction, a Author) {
		t.Helper()
		if m.Direction != d || m.Author != a {
			t.Errorf("%s: message is %s by %s, want %s by %s", name, m.Direction, m.Author, d, a)
		}
		if last := c.RecentMessages[len(c.RecentMessages)-1]; last != m {
			t.Errorf("%s: the conversation ends with %+v, want the event's message", name, last)
		}
		if *c.MessageCount != len(c.RecentMessages) {
			t.Errorf("%s: message_count %d with %d messages", name, *c.MessageCount, len(c.RecentMessages))
		}
	}
	sent, reply, ai := sampleMessageSent(), sampleReplyReceived(), sampleAIResponseSent()
	check(MessageSent, sent.Message, sent.Conversation, Outbound, AuthorUser)
	check(ReplyReceived, reply.Message, reply.Conversation, Inbound, AuthorLead)
	check(AIResponseSent, ai.Message, ai.Conversation, Outbound, AuthorAI)
}

func TestRecentMessages(t *testing.T) {
	var all []Message
	for i := range MaxRecentMessages + 5 {
		all = append(all, Message{ID: string(rune('a' + i))})
	}
	for _, n := range []int{0, 1, MaxRecentMessages - 1, MaxRecentMessages, MaxRecentMessages + 5} {
		got := RecentMessages(all[:n])
		want := all[max(0, n-MaxRecentMessages):n]
		if got == nil || !slices.Equal(got, want) {
			t.Errorf("of %d messages: %v, want the last %d", n, got, len(want))
		}
	}
	got := RecentMessages(all)
	got[0].ID = "changed"
	if all[5].ID == "changed" {
		t.Error("the result shares memory with its argument")
	}
}

// encode encodes as a sender does: without HTML escaping.
func encode(t *testing.T, v any) []byte {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

func decode(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// addresses collects what pointers and slices within v point to.
func addresses(v reflect.Value) map[uintptr]bool {
	found := map[uintptr]bool{}
	switch {
	case v.Type() == timeType:
	case v.Kind() == reflect.Pointer && !v.IsNil():
		found[v.Pointer()] = true
	case v.Kind() == reflect.Slice && v.Len() > 0:
		found[v.Pointer()] = true
		for i := range v.Len() {
			maps.Copy(found, addresses(v.Index(i)))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			maps.Copy(found, addresses(v.Field(i)))
		}
	}
	return found
}
