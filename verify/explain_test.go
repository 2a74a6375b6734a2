package verify_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
)

// delivery is the body of a delivery as a sender encodes it, with text that
// encoders treat in different ways.
func delivery(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Event     string      `json:"event"`
		Timestamp events.Time `json:"timestamp"`
		Data      any         `json:"data"`
	}{events.LeadScored, events.At(time.Date(2026, 11, 23, 10, 15, 30, 123e6, time.UTC)), events.All()[1].Sample()})
	if err != nil {
		tb.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// explained is what is said of a request that was signed with a secret, with
// the body that the verifier got.
func explained(t *testing.T, v *verify.Verifier, signedWith string, sent, got []byte, opts *verifytest.Options) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	verifytest.Sign(r, signedWith, sent, opts)
	r.ContentLength = 0
	if v.VerifyHeaders(got, r.Header) == nil {
		t.Error("the request verifies")
	}
	return wantDiscreet(t, v.Explain(r, got), r.Header, signedWith)
}

// wantDiscreet fails if an explanation holds what must not be in a log.
func wantDiscreet(t *testing.T, text string, h http.Header, secret string) string {
	t.Helper()
	for _, name := range []string{"X-Webhook-Signature", "webhook-signature", "webhook-id"} {
		for _, part := range strings.FieldsFunc(h.Get(name), func(r rune) bool { return strings.ContainsRune(` ,='"`, r) }) {
			if len(part) > 8 && strings.Contains(text, part) {
				t.Errorf("it holds a part of %s: %s", name, text)
			}
		}
	}
	if secret = strings.TrimSpace(strings.TrimPrefix(secret, "whsec_")); len(secret) > 4 && strings.Contains(text, secret) {
		t.Errorf("it holds the secret: %s", text)
	}
	if len(text) > 1000 {
		t.Errorf("it has %d bytes", len(text))
	}
	return text
}

func wantSaid(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("it does not say %q:\n%s", w, text)
		}
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Each mistake with a body is really made.
func TestExplainBody(t *testing.T) {
	sent := delivery(t)
	var anything map[string]any
	var raw map[string]json.RawMessage
	var fields struct {
		Event     string          `json:"event"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	for _, into := range []any{&anything, &raw, &fields} {
		if err := json.Unmarshal(sent, into); err != nil {
			t.Fatal(err)
		}
	}
	var indented, escaped, zipped bytes.Buffer
	if err := json.Indent(&indented, sent, "", "  "); err != nil {
		t.Fatal(err)
	}
	json.HTMLEscape(&escaped, sent)
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write(sent); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var charset []rune
	for _, b := range sent {
		charset = append(charset, rune(b))
	}
	pretty := indented.Bytes()
	for name, c := range map[string]struct {
		sent, got []byte
		want      []string
	}{
		"indented":              {sent, pretty, []string{"encoded again", "white space between"}},
		"indented, a line more": {sent, append(bytes.Clone(pretty), '\n'), []string{"encoded again", "white space between"}},
		"compacted":             {[]byte(`{"event": "a", "data": {"b": [1, 2]}}`), []byte(`{"event":"a","data":{"b":[1,2]}}`), []string{"encoded again", "white space between"}},
		"HTML escaped":          {sent, escaped.Bytes(), []string{"encoded again", "which characters are escaped"}},
		"a struct of Go":        {sent, marshal(t, fields), []string{"encoded again", "which characters are escaped"}},
		"fields of Go":          {sent, marshal(t, raw), []string{"encoded again", "order of its fields", "which characters are escaped"}},
		"a map of Go":           {sent, marshal(t, anything), []string{"event, timestamp and data are in another order"}},
		"a line more":           {sent, append(bytes.Clone(sent), '\n'), []string{"without the line break at the end", "added on the way"}},
		"a line less":           {append(bytes.Clone(sent), '\n'), sent, []string{"with a line break at its end", "removed on the way"}},
		"a CR LF less":          {append(bytes.Clone(sent), "\r\n"...), sent, []string{"with a CR LF at its end"}},
		"a space more":          {sent, append([]byte(" "), sent...), []string{"white space around"}},
		"a BOM more":            {sent, append([]byte("\xef\xbb\xbf"), sent...), []string{"without the byte order mark"}},
		"a BOM less":            {append([]byte("\xef\xbb\xbf"), sent...), sent, []string{"with a byte order mark"}},
		"CR LF":                 {pretty, bytes.ReplaceAll(pretty, []byte("\n"), []byte("\r\n")), []string{"CR LF in the body where the sender had LF"}},
		"LF":                    {bytes.ReplaceAll(pretty, []byte("\n"), []byte("\r\n")), pretty, []string{"LF in the body where the sender had CR LF"}},
		"compressed":            {sent, zipped.Bytes(), []string{"without the gzip"}},
		"a string":              {sent, marshal(t, string(sent)), []string{"as a string"}},
		"base64":                {sent, []byte(base64.StdEncoding.EncodeToString(sent)), []string{"isBase64Encoded"}},
		"Latin-1":               {sent, []byte(string(charset)), []string{"wrong charset"}},
		"a lossy charset":       {sent, bytes.ToValidUTF8([]byte(strings.ReplaceAll(string(sent), "é", "\xe9")), []byte("\uFFFD")), []string{"U+FFFD"}},
		"empty":                 {sent, []byte{}, []string{"The body is empty", "read it before"}},
		"an object":             {sent, []byte("[object Object]"), []string{"JavaScript"}},
		"a printed map":         {sent, fmt.Append(nil, anything), []string{"printed map of Go"}},
		"a dictionary":          {sent, []byte("{'event': 'lead.scored'}"), []string{"dictionary of Python"}},
		"another one":           {sent, []byte(`{"event":"lead.created","timestamp":"2026-11-23T10:15:30.123Z","data":{}}`), []string{"No known mistake", "another secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range []string{secret, whsec} {
				v := mustNew(t, s, nil)
				wantSaid(t, explained(t, v, s, c.sent, c.got, nil), c.want...)
				wantSaid(t, explained(t, v, s, c.sent, c.got, &verifytest.Options{Scheme: verify.BodyOnly}), c.want...)
			}
		})
	}
}

// Encoders of other languages, as they write JSON by default.
func TestExplainOtherEncoders(t *testing.T) {
	for name, c := range map[string]struct{ sent, got string }{
		"JavaScript": {`{"a":"\u2028 ‹&› é"}`, "{\"a\":\"\u2028 ‹&› é\"}"},
		"Python":     {`{"a":"é","b":["🚀\n/",1]}`, `{"a": "\u00e9", "b": ["\ud83d\ude80\n/", 1]}`},
		"to Python":  {`{"a": "\u00e9", "b": ["\ud83d\ude80", 1]}`, `{"a":"é","b":["🚀",1]}`},
		"PHP":        {`{"a":"é/"}`, `{"a":"\u00e9\/"}`},
		"to PHP":     {`{"a":"\u00e9\/"}`, `{"a":"é/"}`},
		"a control":  {`{"a":"\u0001\b\f"}`, `{"a":"\u0001\u0008\u000C"}`},
	} {
		t.Run(name, func(t *testing.T) {
			wantSaid(t, explained(t, mustNew(t, secret, nil), secret, []byte(c.sent), []byte(c.got), nil), "encoded again", "which characters are escaped")
		})
	}
}

func TestExplainLength(t *testing.T) {
	v := mustNew(t, secret, nil)
	sent := delivery(t)
	r := request(t, sent, nil)
	wantSaid(t, v.Explain(r, []byte{}), fmt.Sprintf("announced %d bytes and the body is empty", len(sent)))
	wantSaid(t, v.Explain(r, sent[:100]), fmt.Sprintf("announced %d bytes and 100 were verified", len(sent)))
	r.ContentLength = 0
	r.Header.Set("Content-Length", strconv.Itoa(len(sent)))
	wantSaid(t, v.Explain(r, sent[:99]), "99 were verified")

	r = request(t, []byte("what gzip made of it, which was signed"), nil)
	r.Header.Set("Content-Encoding", "gzip")
	wantSaid(t, v.Explain(r, sent), "Content-Encoding", "inflated")
}

func TestExplainContent(t *testing.T) {
	sent := delivery(t)
	r := request(t, sent, nil)
	sum, err := hex.DecodeString(strings.TrimPrefix(r.Header.Get("X-Webhook-Signature"), "sha256="))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(sum))
	wantSaid(t, mustNew(t, secret, nil).Explain(r, sent), "signs the body alone")
}

func TestExplainClock(t *testing.T) {
	now := time.Unix(1795429530, 0)
	v := mustNew(t, secret, &verify.Options{Now: func() time.Time { return now }})
	sent := delivery(t)
	for _, c := range []struct {
		off   time.Duration
		got   []byte
		wants []string
	}{
		{-400 * time.Second, sent, []string{"400 seconds before", "clock is fast", "Beside that it verifies"}},
		{time.Hour, sent, []string{"3600 seconds after", "clock is slow", "Beside that it verifies"}},
		{time.Hour, nil, []string{"3600 seconds after"}},
		{time.Hour, append(bytes.Clone(sent), '\n'), []string{"3600 seconds after", "Beside that: ", "line break at the end"}},
	} {
		text := explained(t, v, secret, sent, c.got, &verifytest.Options{Time: now.Add(c.off)})
		wantSaid(t, text, c.wants...)
		if c.got == nil && strings.Contains(text, "Beside") {
			t.Errorf("it judges a body that was not read: %s", text)
		}
	}
}

func TestExplainIsSilentAboutWhatVerifies(t *testing.T) {
	if text := mustNew(t, secret, nil).Explain(request(t, body, nil), body); text != "" {
		t.Error(text)
	}
}

// What is explained must not cost much, however large the body and many the
// secrets.
func TestExplainIsBounded(t *testing.T) {
	var more []string
	for i := range 8 {
		more = append(more, fmt.Sprintf("secret number %d, of several", i))
	}
	v := mustNew(t, secret, &verify.Options{MoreSecrets: more})
	large := []byte(`{"a":"` + strings.Repeat("é ", 1<<20) + `"}`)
	if got := verify.ExplainWork(v, httptest.NewRequest("POST", "/", nil), large); got > 32<<20 || got < 1<<20 {
		t.Errorf("%d bytes were signed", got)
	}
}

// A Handler explains when asked, once a second, and never in the answer.
func TestHandlerExplains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		options := verify.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		fn := func(context.Context, verify.Message) error { return nil }
		refused := func(h http.Handler) (said bool) {
			t.Helper()
			log.Reset()
			r := request(t, body, nil)
			r.Body = http.NoBody
			rec := serve(h, r)
			if rec.Code != 401 || rec.Body.String() != "Unauthorized\n" {
				t.Errorf("answered %d %q", rec.Code, rec.Body)
			}
			said = strings.Contains(log.String(), "explanation=")
			if said {
				wantSaid(t, log.String(), "the body is empty", fmt.Sprintf("announced %d bytes", len(body)))
			}
			return said
		}
		if refused(mustNew(t, secret, &options).Handler(fn)) {
			t.Error("it explains without being asked")
		}
		options.Explain = true
		h := mustNew(t, secret, &options).Handler(fn)
		if !refused(h) || refused(h) {
			t.Error("want an explanation of the first refusal, and none of the second in that second")
		}
		time.Sleep(time.Second)
		if !refused(h) {
			t.Error("want another one a second later")
		}
		if !refused(mustNew(t, secret, &options).Middleware(http.NotFoundHandler())) {
			t.Error("Middleware does not explain")
		}
		log.Reset()
		r := request(t, body, nil)
		r.Body = io.NopCloser(bytes.NewReader(append(bytes.Clone(body), '\n')))
		r.ContentLength = -1
		serve(mustNew(t, secret, &options).Handler(fn), r)
		wantSaid(t, log.String(), "line break at the end of the body")
	})
}
