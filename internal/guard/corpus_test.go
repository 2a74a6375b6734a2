package guard

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// urlRow is one line of testdata/*_urls.jsonl.
type urlRow struct {
	URL         string   `json:"url"`
	Why         string   `json:"why"`
	Layer       string   `json:"layer"`
	ResolvesTo  []string `json:"resolves_to"`
	Recommended string   `json:"recommended"`
}

func readLines[T any](t testing.TB, name string) []T {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row T
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(rows) == 0 {
		t.Fatalf("%s holds no rows", name)
	}
	return rows
}

// wantRefusal fails unless err is a well-formed *Refusal, and returns its code.
func wantRefusal(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		t.Error("accepted, want a refusal")
		return ""
	}
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("error %T %v, want a *Refusal", err, err)
		return ""
	}
	if refusal.Code == "" || !strings.HasSuffix(refusal.Reason, ".") || refusal.Error() != refusal.Reason {
		t.Errorf("refusal %+v: want a code and a sentence", refusal)
	}
	return refusal.Code
}

func TestBadURLsAreRefused(t *testing.T) {
	for _, row := range readLines[urlRow](t, "bad_urls.jsonl") {
		t.Run(row.Why, func(t *testing.T) {
			u, err := (*Policy)(nil).URL(row.URL)
			if row.Layer == "create" {
				wantRefusal(t, err)
				return
			}
			if err != nil {
				return // refused earlier than needed
			}
			dns := newFakeDNS(map[string][]string{u.Hostname(): row.ResolvesTo})
			connected := &recorder{}
			_, err = NewDialer(nil, connected.base(dns)).DialContext(t.Context(), "tcp", hostPort(u))
			wantRefusal(t, err)
			if got := connected.list(); len(got) != 0 {
				t.Errorf("%s: connected to %v", row.URL, got)
			}
		})
	}
}

func TestGoodURLsAreAcceptedAndDialled(t *testing.T) {
	for _, row := range readLines[urlRow](t, "good_urls.jsonl") {
		t.Run(row.Why, func(t *testing.T) {
			u, err := (&Policy{}).URL(row.URL)
			if err != nil {
				t.Fatalf("%s: refused: %v", row.URL, err)
			}
			_, rest, _ := strings.Cut(row.URL, "://")
			if i := strings.IndexAny(rest, "/?"); i >= 0 {
				if want := "/" + strings.TrimPrefix(rest[i:], "/"); u.RequestURI() != want {
					t.Errorf("%s: on the wire %s, want %s", row.URL, u.RequestURI(), want)
				}
			}
			dns := newFakeDNS(map[string][]string{u.Hostname(): row.ResolvesTo})
			connected := &recorder{}
			_, err = NewDialer(nil, connected.base(dns)).DialContext(t.Context(), "tcp", hostPort(u))
			if !errors.Is(err, errIntercepted) {
				t.Fatalf("%s: dial: %v", row.URL, err)
			}
			want := row.ResolvesTo
			if len(want) == 0 {
				want = []string{u.Hostname()}
			}
			if got := connected.list(); len(got) != 1 || got[0] != want[0] {
				t.Errorf("%s: dialled %v, want %v", row.URL, got, want)
			}
		})
	}
}

// The decisions about URLs that could be read either way. An empty code means
// accepted, as the text in normal.
func TestAmbiguousURLs(t *testing.T) {
	decisions := map[string]struct{ code, normal string }{
		"https://user:pass@hooks.example.com/in":     {CodeURLUserinfo, ""},
		"https://user@hooks.example.com/in":          {CodeURLUserinfo, ""},
		"https://:@hooks.example.com/in":             {CodeURLUserinfo, ""},
		"https://127.0.0.1:443@hooks.example.com/in": {CodeURLUserinfo, ""},
		"https://127.0.0.1%2f@hooks.example.com/in":  {CodeURLUserinfo, ""},
		"https://hooks.example.com/in#frag":          {CodeURLFragment, ""},
		"https://hooks.example.com/#@127.0.0.1/":     {CodeURLFragment, ""},
		"https://hooks.example.com./in":              {"", "https://hooks.example.com/in"},
		"https://hooks.example.com:/in":              {"", "https://hooks.example.com/in"},
		"https://hooks.example.com:00443/in":         {CodeURLPort, ""},
		" https://hooks.example.com/in":              {CodeURLCharacter, ""},
		"https://hooks.example.com/in\n":             {CodeURLCharacter, ""},
		"\ufeffhttps://hooks.example.com/in":         {CodeURLScheme, ""},
		"https://hooks.example.com/h\u00f6":          {CodeURLCharacter, ""},
		"https://hooks.example.com/a b":              {CodeURLCharacter, ""},
		"https://hooks.example.com/%zz":              {CodeURLCharacter, ""},
		"https://under_score.example.com/in":         {"", "https://under_score.example.com/in"},
		"https://-lead.example.com/in":               {CodeURLHost, ""},
		"https://trail-.example.com/in":              {CodeURLHost, ""},
		"https://xn--a.example.com/in":               {CodeURLIDN, ""},
		"https://ex\u0430mple.com/in":                {"", "https://xn--exmple-4nf.com/in"},
		"https://ai/in":                              {CodeURLLocalName, ""},
		"https://com/in":                             {CodeURLLocalName, ""},
		"https://router.lan/in":                      {CodeURLLocalName, ""},
		"https://x.corp/in":                          {CodeURLLocalName, ""},
		"https://x.test/in":                          {CodeURLLocalName, ""},
		"https://1.0.0.127.in-addr.arpa/in":          {CodeURLLocalName, ""},
		"https://0x8.0x8.0x8.0x8/in":                 {CodeURLAddress, ""},
		"https://134744072/in":                       {CodeURLAddress, ""},
		"https://010.010.010.010/in":                 {CodeURLAddress, ""},
		"https://1.2.3/in":                           {CodeURLAddress, ""},
		"https://192.0.0.9/in":                       {CodeURLAddress, ""},
		"https://192.31.196.1/in":                    {CodeURLAddress, ""},
		"https://192.52.193.1/in":                    {CodeURLAddress, ""},
		"https://192.175.48.1/in":                    {CodeURLAddress, ""},
		"https://[2001:1::1]/in":                     {CodeURLAddress, ""},
		"https://[2001:20::1]/in":                    {CodeURLAddress, ""},
		"https://[2620:4f:8000::1]/in":               {CodeURLAddress, ""},
		"https://[64:ff9b::808:808]/in":              {CodeURLAddress, ""},
		"https://[2002:808:808::1]/in":               {CodeURLAddress, ""},
		"https://[::ffff:8.8.8.8]/in":                {CodeURLAddress, ""},
		"https://[3ffe::1]/in":                       {"", "https://[3ffe::1]/in"}, // unallocated, in no registry of special ranges
		"https://[4000::1]/in":                       {CodeURLAddress, ""},
		"https://hooks.example.com:22/in":            {CodeURLPort, ""},
		"https://hooks.example.com:25/in":            {CodeURLPort, ""},
		"https://hooks.example.com:6379/in":          {CodeURLPort, ""},
	}
	for _, row := range readLines[urlRow](t, "ambiguous_urls.jsonl") {
		t.Run(row.Why, func(t *testing.T) {
			want, ok := decisions[row.URL]
			if !ok {
				t.Fatalf("%q: not decided (recommended: %s)", row.URL, row.Recommended)
			}
			u, err := (&Policy{}).URL(row.URL)
			if want.code != "" {
				if got := wantRefusal(t, err); got != want.code {
					t.Errorf("%q: code %s, want %s", row.URL, got, want.code)
				}
				return
			}
			if err != nil || u.String() != want.normal {
				t.Fatalf("%q: %v, %v, want %s", row.URL, u, err, want.normal)
			}
		})
	}
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && a.Is6() {
		return "[" + u.Hostname() + "]:" + port
	}
	return u.Hostname() + ":" + port
}
