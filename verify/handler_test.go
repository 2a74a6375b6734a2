package verify_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
)

// unreadable fails the test when anything reads the body.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func request(t *testing.T, body []byte, opts *verifytest.Options) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	verifytest.Sign(r, secret, body, opts)
	return r
}

func TestHandlerAnswers(t *testing.T) {
	v := mustNew(t, secret, &verify.Options{MaxBody: 1000})
	at := time.Unix(1795429530, 0)
	var got []verify.Message
	fail := error(nil)
	h := v.Handler(func(_ context.Context, m verify.Message) error {
		got = append(got, m)
		return fail
	})

	if rec := serve(h, request(t, body, &verifytest.Options{ID: "evt_1", Test: true})); rec.Code != 204 || rec.Body.Len() != 0 {
		t.Errorf("status %d %q, want an empty 204", rec.Code, rec.Body)
	}
	m := got[0]
	if m.ID != "test_evt_1" || m.Event != "lead.scored" || string(m.Data) != `{"score":87}` || !m.Test || !bytes.Equal(m.Body, body) ||
		!m.Timestamp.Equal(time.Date(2026, 11, 23, 10, 15, 30, 123e6, time.UTC)) || time.Since(m.Attempted).Abs() > time.Minute {
		t.Errorf("message %+v", m)
	}

	serve(h, request(t, body, &verifytest.Options{Scheme: verify.BodyOnly}))
	if m := got[1]; m.ID != "" || !m.Attempted.IsZero() || m.Test {
		t.Errorf("without Standard Webhooks nothing of the headers is signed: %+v", m)
	}

	fail = errors.New("the database said no")
	if rec := serve(h, request(t, body, nil)); rec.Code != 500 || strings.Contains(rec.Body.String(), "database") {
		t.Errorf("status %d %q, want a 500 without the reason", rec.Code, rec.Body)
	}

	runs := len(got)
	for name, c := range map[string]struct {
		change func(*http.Request)
		body   []byte
		status int
	}{
		"changed body":   {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("{}")) }, body, 401},
		"no signature":   {func(r *http.Request) { r.Header = http.Header{} }, body, 401},
		"too old":        {func(r *http.Request) { verifytest.Sign(r, secret, body, &verifytest.Options{Time: at}) }, body, 401},
		"limit exceeded": {nil, bytes.Repeat([]byte("a"), 1001), 413},
		"no length":      {func(r *http.Request) { r.ContentLength = -1 }, bytes.Repeat([]byte("a"), 1001), 413},
		"wrong length":   {func(r *http.Request) { r.ContentLength = 1 }, bytes.Repeat([]byte("a"), 1001), 413},
		"broken off":     {func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)) }, body, 400},
		"nil body":       {func(r *http.Request) { r.Body = nil }, body, 401},
	} {
		r := request(t, c.body, nil)
		if c.change != nil {
			c.change(r)
		}
		if rec := serve(h, r); rec.Code != c.status {
			t.Errorf("%s: status %d, want %d", name, rec.Code, c.status)
		}
	}
	if len(got) != runs {
		t.Errorf("the function ran %d times for refused requests", len(got)-runs)
	}

	fail = nil
	for name, genuine := range map[string][]byte{
		"at the limit":    bytes.Repeat([]byte("a"), 1000),
		"empty body":      nil,
		"not an event":    []byte(`{"text":"hello"}`),
		"no JSON":         []byte("payload=x"),
		"null":            []byte("null"),
		"no data":         []byte(`{"event":"x","timestamp":"2026-11-23T10:15:30Z"}`),
		"no event":        []byte(`{"timestamp":"2026-11-23T10:15:30Z","data":{}}`),
		"no timestamp":    []byte(`{"event":"x","data":{}}`),
		"timestamp null":  []byte(`{"event":"x","timestamp":null,"data":{}}`),
		"timestamp":       []byte(`{"event":"x","timestamp":"today","data":{}}`),
		"two JSON values": append(bytes.Clone(body), body...),
		"nested deeply":   []byte(strings.Repeat("[", 1000)),
	} {
		rec := serve(h, request(t, genuine, nil))
		m := got[len(got)-1]
		if rec.Code != 204 || !bytes.Equal(m.Body, genuine) || m.Event != "" || m.Data != nil || !m.Timestamp.IsZero() {
			t.Errorf("%s: status %d, message %+v; want the genuine body and no event", name, rec.Code, m)
		}
	}

	more := []byte(`{"event":"x","timestamp":"2026-11-23T10:15:30Z","data":null,"new":1}`)
	if rec := serve(h, request(t, more, nil)); rec.Code != 204 {
		t.Errorf("status %d for a payload with one more field, want 204", rec.Code)
	}
}

func TestOnlyPost(t *testing.T) {
	v := mustNew(t, secret, nil)
	for _, h := range []http.Handler{
		v.Handler(func(context.Context, verify.Message) error { t.Error("ran"); return nil }),
		v.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("ran") })),
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post"} {
			r := request(t, body, nil)
			r.Method = method
			if rec := serve(h, r); rec.Code != 405 || rec.Header().Get("Allow") != "POST" {
				t.Errorf("%s: status %d, Allow %q", method, rec.Code, rec.Header().Get("Allow"))
			}
		}
	}
}

func TestRefusedBeforeTheBodyIsRead(t *testing.T) {
	v := mustNew(t, secret, &verify.Options{MaxBody: 100})
	h := v.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("ran") }))
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"method":    {func(r *http.Request) { r.Method = "PUT" }, 405},
		"absent":    {func(r *http.Request) { r.Header = http.Header{} }, 401},
		"malformed": {func(r *http.Request) { r.Header.Set("webhook-signature", "v1,x") }, 401},
		"too old":   {func(r *http.Request) { r.Header.Set("webhook-timestamp", "1795429530") }, 401},
		"repeated":  {func(r *http.Request) { r.Header.Add("webhook-id", "x") }, 401},
		"length":    {func(r *http.Request) { r.ContentLength = 101 }, 413},
	} {
		r := request(t, body, nil)
		r.Body = io.NopCloser(unreadable{t})
		c.change(r)
		if rec := serve(h, r); rec.Code != c.status {
			t.Errorf("%s: status %d, want %d", name, rec.Code, c.status)
		}
	}
}

// An attacker must learn nothing from the answer; the operator must learn the
// reason from the log, which must be fit for keeping.
func TestRefusalsLookTheSameAndAreLogged(t *testing.T) {
	var log bytes.Buffer
	v := mustNew(t, secret, &verify.Options{Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	h := v.Handler(func(context.Context, verify.Message) error { return nil })
	var first *httptest.ResponseRecorder
	for reason, change := range map[string]func(http.Header){
		"no signature":       func(h http.Header) { clear(h) },
		"malformed":          func(h http.Header) { h.Set("webhook-signature", "v1,0123456789") },
		"does not match":     func(h http.Header) { h.Set("webhook-id", "other") },
		"too old":            func(h http.Header) { h.Set("webhook-timestamp", "1") },
		"too new":            func(h http.Header) { h.Set("webhook-timestamp", "99999999999") },
		"2 lines of":         func(h http.Header) { h.Add("webhook-id", "other") },
		"is not 1 to 256":    func(h http.Header) { h.Set("webhook-id", strings.Repeat("secret text", 100)) },
		"is not unix second": func(h http.Header) { h.Set("webhook-timestamp", "secret text") },
	} {
		log.Reset()
		r := request(t, body, nil)
		change(r.Header)
		rec := serve(h, r)
		if first == nil {
			first = rec
		}
		if rec.Code != 401 || rec.Body.String() != first.Body.String() || len(rec.Header()) != len(first.Header()) {
			t.Errorf("%s: answer %d %q differs from another refusal's", reason, rec.Code, rec.Body)
		}
		if !strings.Contains(log.String(), reason) || !strings.Contains(log.String(), `"status":401`) {
			t.Errorf("the log does not say %q: %s", reason, &log)
		}
		leaks := []string{secret, "0123456789", "secret text", r.Header.Get("X-Webhook-Signature"), strings.TrimPrefix(r.Header.Get("webhook-signature"), "v1,")}
		for _, leak := range leaks {
			if leak != "" && strings.Contains(log.String()+rec.Body.String(), leak) {
				t.Errorf("%s: log or answer hold %q: %s", reason, leak, &log)
			}
		}
	}
}

func TestHandlerLogsFailures(t *testing.T) {
	var log bytes.Buffer
	v := mustNew(t, secret, &verify.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	h := v.Handler(func(context.Context, verify.Message) error { return errors.New("no disk") })
	serve(h, request(t, body, &verifytest.Options{ID: "evt_9"}))
	for _, want := range []string{"ERROR", "no disk", "evt_9", "lead.scored"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, &log)
		}
	}
}

func TestPanicIsNotSuccess(t *testing.T) {
	for _, once := range []verify.Once{nil, &verify.MemoryOnce{}} {
		runs := 0
		h := mustNew(t, secret, &verify.Options{Once: once}).Handler(func(context.Context, verify.Message) error {
			runs++
			panic("boom")
		})
		for range 2 { // the second is no duplicate
			rec := httptest.NewRecorder()
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic was swallowed")
					}
				}()
				h.ServeHTTP(rec, request(t, body, &verifytest.Options{ID: "evt_1"}))
			}()
			if rec.Body.Len() > 0 || rec.Result().StatusCode == 204 {
				t.Errorf("answered %d", rec.Code)
			}
		}
		if runs != 2 {
			t.Errorf("ran %d times, want 2", runs)
		}
	}
}

func TestMiddlewareHandsTheBodyOn(t *testing.T) {
	bodies := [][]byte{nil, body, []byte("\xff\xfe\x00 no JSON\r\n"), {0x1f, 0x8b, 8, 0}, bytes.Repeat([]byte("a"), 1<<20)}
	srv := httptest.NewServer(mustNew(t, secret, nil).Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, ok := verify.FromContext(r.Context())
		got, err := io.ReadAll(r.Body)
		if !ok || err != nil || !bytes.Equal(got, m.Body) || r.ContentLength != int64(len(got)) {
			t.Errorf("message %v, error %v, %d bytes, Content-Length %d", ok, err, len(got), r.ContentLength)
		}
		if m.ID != "evt_1" || (m.Event != "") != bytes.Equal(got, body) {
			t.Errorf("id %q, event %q", m.ID, m.Event)
		}
		w.Write(got)
	})))
	defer srv.Close()
	for _, want := range bodies {
		for _, chunked := range []bool{false, true} {
			r, err := http.NewRequest(http.MethodPost, srv.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			verifytest.Sign(r, secret, want, &verifytest.Options{ID: "evt_1"})
			r.Header.Set("Content-Encoding", "gzip") // must not lead to inflating
			if chunked {
				r.ContentLength = -1
			}
			res, err := srv.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != 200 || !bytes.Equal(got, want) {
				t.Errorf("status %d, %d bytes back of %d", res.StatusCode, len(got), len(want))
			}
		}
	}
	if _, ok := verify.FromContext(context.Background()); ok {
		t.Error("a message out of nowhere")
	}
}

func TestRequest(t *testing.T) {
	v := mustNew(t, secret, nil)
	m, err := v.Request(nil, request(t, []byte("Hello"), &verifytest.Options{ID: "evt_1"}))
	if err != nil || string(m.Body) != "Hello" || m.ID != "evt_1" || m.Event != "" {
		t.Errorf("%+v, %v; want the verified body", m, err)
	}
	r := request(t, body, nil)
	r.Body = io.NopCloser(strings.NewReader("forged"))
	if m, err := v.Request(nil, r); !errors.Is(err, verify.ErrMismatch) || m.Body != nil {
		t.Errorf("%+v, %v; want a zero message beside ErrMismatch", m, err)
	}
	if m, err := v.Message(body, request(t, body, nil).Header); err != nil || m.Event != "lead.scored" {
		t.Errorf("Message: %+v, %v", m, err)
	}
	if got := verify.StatusCode(nil); got != 204 {
		t.Errorf("StatusCode(nil) = %d", got)
	}
}

func TestNilFunctionsPanicAtOnce(t *testing.T) {
	v := mustNew(t, secret, nil)
	for name, fn := range map[string]func(){"Handler": func() { v.Handler(nil) }, "Middleware": func() { v.Middleware(nil) }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s(nil) did not panic", name)
				}
			}()
			fn()
		}()
	}
}
