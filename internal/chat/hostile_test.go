package chat

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook/events"
)

// hostile are values that strangers put into their names, posts and messages.
var hostile = []string{
	"<!channel> <!here> <!everyone> <@U012AB3CD> <#C123|general> <!subteam^S1>",
	"@channel @everyone @here <@123456789012345678> <@&987654321098765432>",
	"<https://evil.example.com|Your bank>", "[Your bank](https://evil.example.com)", "https://evil.example.com/login",
	"&lt;!channel&gt; &amp;lt; &#60;!here&#62;", "<", ">", "&", "&&&&&&<<<<<<>>>>>>",
	"*bold* _italic_ ~gone~ `code` ```block", "**bold** __under__ ||spoiler|| # heading\n- list\n> quote\n1. one",
	`","channel":"#general","text":"`, `\"}],"blocks":[]}`, "\\", "\\\\", "{{DATE(2026-01-01,SHORT)}} ${x} @{body()} <at>All</at>",
	strings.Repeat("&", 1600), strings.Repeat("<!channel>", 160), strings.Repeat("👩‍👩‍👧‍👦", 150), strings.Repeat("e\u0301", 900),
	strings.Repeat("\n", 1600), strings.Repeat("a\n", 900), strings.Repeat("*_[](", 320), strings.Repeat("\\", 1600),
	"\u202Eevil\u202C \u2066x\u2069 \u200Ezero\u200B", "\x00\x01\x1b[31m\x7f\u0085", "\u2028\u2029\r\n\r", " ", "\u00a0", "\t",
	"\uFFFD\uFFFE\U000E0041", "null", "0", "-1e999", "javascript:alert(1)", "https://user:pw@evil.example.com/", "https://x.example.com/a|b>c<d",
	"https://x.example.com/)](https://evil.example.com", "https://x.example.com/\nhttps://evil.example.com", "mailto:a@b", "//evil.example.com/",
	"https://" + strings.Repeat("a.", 600) + "com/", "https://x.example.com/?" + strings.Repeat("&", 990), "https://ﬁ.example.com/", "https:///nohost",
	"../../../../etc/passwd", "Local", "Europe/Lisbon",
}

// poison puts a text wherever a sample has one.
func poison(data []byte, text string) []byte {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		panic(err)
	}
	b, err := encode(poisoned(v, text))
	if err != nil {
		panic(err)
	}
	return b
}

func poisoned(v any, text string) any {
	switch x := v.(type) {
	case string:
		if _, err := time.Parse(time.RFC3339, x); err == nil {
			return x
		}
		return text
	case []any:
		for i := range x {
			x[i] = poisoned(x[i], text)
		}
	case map[string]any:
		for k := range x {
			x[k] = poisoned(x[k], text)
		}
	}
	return v
}

// Whatever strangers write, a message is accepted, mentions nobody, and links
// to nothing but what is a link in the data.
func TestHostileValues(t *testing.T) {
	for _, r := range renderers {
		t.Run(r.name, func(t *testing.T) {
			for name, e := range samples(t) {
				clean := e.Data
				for i, text := range hostile {
					if len(text) > 200 && (i+len(name))%3 != 0 { // each of the long ones in some of the events
						continue
					}
					e.Data = poison(clean, text)
					got, err := r.render(e)
					require.NoError(t, err)
					require.NoError(t, r.check(got), "%s with %.60q: %s", name, text, got)
				}
			}
		})
	}
}

// Data of another shape is told field by field, or not at all.
func TestOtherShapes(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500)
	wide := `{"lead":{"id":"1"}`
	for i := range 200 {
		wide += fmt.Sprintf(`,"field_%d":"<!channel> %d"`, i, i)
	}
	wide += "}"
	for _, r := range renderers {
		for _, typ := range []string{events.LeadScored, events.MeetingBooked, "other.event", "<!channel>", ""} {
			for _, data := range []string{"null", "[]", "{}", `"<!channel>"`, "1e999", "true", deep, wide, `{"lead":1}`, `{"lead":{"id":""}}`,
				`{"lead":{"id":"1"}}`, `{"lead":{"id":"1"},"score":{"overall":"x"}}`, `{"":"","<b>":{"*":[1,[2],{"a":3}]}}`,
				`{"a":12345678901234567890.00000000000000000001,"a":2}`, `{"lead":{"id":"1"},"meeting":{"start":"0000-01-01T00:00:00Z"}}`,
				`{"lead":{"id":"1"},"meeting":{"start":"9999-12-31T23:59:59Z","end":"0001-01-01T00:00:00Z","time_zone":"Nowhere/At_all"}}`,
				`{"x":` + strings.Repeat("9", 5000) + `}`} {
				for _, title := range []string{"", strings.Repeat("<T&", 400)} {
					e := Event{Type: typ, Title: title, OccurredAt: time.Unix(1, 0), Data: []byte(data)}
					got, err := r.render(e)
					require.NoError(t, err)
					require.NoError(t, r.check(got), "%s %s %.80s: %s", r.name, typ, data, got)
				}
			}
		}
	}
}

// Numbers keep their digits, and order is that of the data.
func TestGenericKeepsNumbers(t *testing.T) {
	for _, r := range renderers {
		got, err := r.render(samples(t)["invoice.paid"])
		require.NoError(t, err)
		require.Contains(t, string(got), "12345678901234567890")
		require.Less(t, strings.Index(string(got), "EUR"), strings.Index(string(got), "Lisbon"))
	}
}

// A test send says so first, so that nobody acts on sample data.
func TestTestSendsSaySo(t *testing.T) {
	for _, r := range renderers {
		e := samples(t)["test"]
		marked, err := r.render(e)
		require.NoError(t, err)
		e.Test = false
		plain, err := r.render(e)
		require.NoError(t, err)
		require.Contains(t, string(marked), "Test: Reply Received")
		require.Contains(t, string(marked), "This is a test with sample data")
		require.NotContains(t, string(plain), "This is a test")
	}
}

func TestSafeURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://x.example.com/a_b?c=d&e=%20f#g": "https://x.example.com/a_b?c=d&e=%20f#g",
		"http://x.example.com":                   "http://x.example.com",
		"https://x.example.com/a|b":              "https://x.example.com/a%7Cb",
		"https://x.example.com/(a)":              "https://x.example.com/%28a%29",
		"https://x.example.com/é":                "https://x.example.com/%C3%A9",
		" https://x.example.com/ ":               "https://x.example.com/",
		"javascript:alert(1)":                    "", "data:text/html,x": "", "//x.example.com": "", "/a": "", "": "", "https://": "",
		"https://u:p@x.example.com/": "", "https://é.example.com/": "", "ftp://x.example.com/": "", "https://x.example.com/\n": "https://x.example.com/",
		"https://x.example.com/a\nb": "", "https:x.example.com": "",
	} {
		require.Equal(t, want, safeURL(in), "%q", in)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\nb\rc\u2028d": "a\nb\nc\nd", "\n\n a \n\n\n\n b\t": "a \n\n b", "a\x00b\x1b[31mc": "ab[31mc",
		"\u202Eevil\u2066": "evil", "👩‍👧": "👩‍👧", "\xff": "\uFFFD", "a\u00a0b": "a b",
	} {
		require.Equal(t, want, clean(in), "%q", in)
	}
	require.Equal(t, "ab…", clip("abcdef", 3))
	require.Equal(t, "abc", clip("abc", 3))
	require.Equal(t, "👩…", clip("👩👩👩", 4)) // in units of UTF-16
	require.Equal(t, "", clip("a", 0))
}

func fuzz(f *testing.F, render func(Event) ([]byte, error), check func([]byte) error) {
	for _, e := range samples(f) {
		f.Add(e.Type, e.Title, string(e.Data), "<!channel> @everyone", e.Test)
	}
	for _, text := range hostile {
		if len(text) < 100 {
			f.Add("lead.scored", "Lead Scored", `{"lead":{"id":"1","name":"x","x_url":"y"},"message":{"text":"z"}}`, text, true)
			f.Add("other", "", `{"a":["x",{"y":1}],"b":"z"}`, text, false)
		}
	}
	f.Fuzz(func(t *testing.T, typ, title, data, text string, test bool) {
		if !json.Valid([]byte(data)) {
			return // never stored
		}
		for _, data := range [][]byte{[]byte(data), poison([]byte(data), text)} {
			got, err := render(Event{Type: typ, Title: title, OccurredAt: time.Unix(1795428930, 0), Data: data, Test: test})
			if err != nil {
				t.Fatal(err)
			}
			if err := check(got); err != nil {
				t.Errorf("%v in %s", err, got)
			}
		}
	})
}

func FuzzSlack(f *testing.F)   { fuzz(f, Slack, checkSlack) }
func FuzzDiscord(f *testing.F) { fuzz(f, Discord, checkDiscord) }
func FuzzTeams(f *testing.F)   { fuzz(f, Teams, checkTeams) }
