package frameworks

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/labstack/echo/v4"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
)

const (
	secret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	account = "acct_1"
)

// A router mounts hooks at POST /hooks and serves until the test ends. The line
// that mounts is in docs/receiving.md as it stands here.
var routers = map[string]func(t *testing.T, hooks http.Handler) (url string){
	"net/http": func(t *testing.T, hooks http.Handler) string {
		mux := http.NewServeMux()
		mux.Handle("POST /hooks", hooks)
		return serve(t, mux)
	},
	"chi": func(t *testing.T, hooks http.Handler) string {
		r := chi.NewRouter()
		r.Use(middleware.RequestID, middleware.Recoverer)
		r.Method("POST", "/hooks", hooks)
		return serve(t, r)
	},
	"gin": func(t *testing.T, hooks http.Handler) string {
		gin.SetMode(gin.TestMode)
		r := gin.New()
		r.Use(gin.Recovery())
		r.POST("/hooks", gin.WrapH(hooks))
		return serve(t, r)
	},
	"echo": func(t *testing.T, hooks http.Handler) string {
		e := echo.New()
		e.POST("/hooks", echo.WrapHandler(hooks))
		return serve(t, e)
	},
	"fiber": func(t *testing.T, hooks http.Handler) string {
		app := fiber.New()
		app.Post("/hooks", adaptor.HTTPHandler(hooks))
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- app.Listener(l, fiber.ListenConfig{DisableStartupMessage: true}) }()
		t.Cleanup(func() {
			if err := app.ShutdownWithTimeout(5 * time.Second); err != nil {
				t.Error(err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		return "http://" + l.Addr().String()
	},
}

func serve(t *testing.T, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// receiver keeps the messages that came through.
type receiver struct {
	mu  sync.Mutex
	got []verify.Message
}

func (r *receiver) handle(_ context.Context, m verify.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.Body = bytes.Clone(m.Body)
	r.got = append(r.got, m)
	return nil
}

// In every router deliveries of all events verify, and what is not genuine is
// answered as in net/http.
func TestRouters(t *testing.T) {
	for name, mount := range routers {
		t.Run(name, func(t *testing.T) {
			var r receiver
			v, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected, Once: &verify.MemoryOnce{}, MaxBody: 100_000})
			if err != nil {
				t.Fatal(err)
			}
			url := mount(t, v.Handler(r.handle)) + "/hooks"
			deliver(t, url)
			if len(r.got) != len(events.All()) {
				t.Errorf("%d messages came through, want %d", len(r.got), len(events.All()))
			}
			for _, m := range r.got {
				if m.ID == "" || m.Event == "" || len(m.Data) == 0 {
					t.Errorf("a message lacks something: %q %q", m.ID, m.Event)
				}
			}

			body := []byte(`{"event":"lead.created","timestamp":"2026-11-23T10:15:30.123Z","data":{"name":"Zoë ‹&› 🚀"}}`)
			for what, c := range map[string]struct {
				change func(*http.Request)
				status int
			}{
				"genuine":       {func(*http.Request) {}, 204},
				"another body":  {func(r *http.Request) { r.Body = io.NopCloser(bytes.NewReader(bytes.ToUpper(body))) }, 401},
				"stripped":      {func(r *http.Request) { r.Header.Del("webhook-id") }, 401},
				"a second line": {func(r *http.Request) { r.Header.Add("webhook-id", "evt_2") }, 401},
				"an hour old": {func(r *http.Request) {
					verifytest.Sign(r, secret, body, &verifytest.Options{Time: time.Now().Add(-time.Hour)})
				}, 401},
				"another secret":   {func(r *http.Request) { verifytest.Sign(r, "somebody else's", body, nil) }, 401},
				"a body too large": {func(r *http.Request) { verifytest.Sign(r, secret, make([]byte, 100_001), nil) }, 413},
				"without a length": {func(r *http.Request) { r.ContentLength = -1 }, 204},
			} {
				req, err := http.NewRequest(http.MethodPost, url, nil)
				if err != nil {
					t.Fatal(err)
				}
				verifytest.Sign(req, secret, body, nil)
				c.change(req)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := io.ReadAll(res.Body)
				if res.Body.Close(); err != nil || res.StatusCode != c.status {
					t.Errorf("%s: %d %s %v, want %d", what, res.StatusCode, answer, err, c.status)
				}
			}
		})
	}
}

// deliver sends the samples of all events and wants them accepted.
func deliver(t *testing.T, url string) {
	t.Helper()
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
		AllowPrefixes:     []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		AllowPlainHTTP:    true,
		EventsPerEndpoint: len(events.All()),
		Retry:             webhook.Schedule{},
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []webhook.EventType
	for _, e := range events.All() {
		names = append(names, e.Name)
	}
	e, err := d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: account, Name: "Router", URL: url, Events: names, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	}()
	for _, e := range events.All() {
		if _, err := d.Emit(t.Context(), webhook.Event{Account: account, Type: e.Name, Data: e.Sample()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := d.ListDeliveries(t.Context(), webhook.DeliveryQuery{Account: account, Endpoint: e.ID})
	if err != nil || len(page) != len(names) {
		t.Fatalf("%d deliveries, %v", len(page), err)
	}
	for _, r := range page {
		if a := r.Attempts[0]; a.Status != http.StatusNoContent {
			t.Errorf("%s was answered %d (%s %s)", r.Type, a.Status, a.Error, a.Response)
		}
	}
}

// The lines that docs/receiving.md shows are those that are run here.
func TestPageShowsTheseLines(t *testing.T) {
	page, err := os.ReadFile("../../docs/receiving.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("frameworks_test.go")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?m)^\\| ([a-z/]+) \\| `(.+hooks\\).*)` \\|$").FindAllStringSubmatch(string(page), -1)
	if len(shown) != len(routers) {
		t.Errorf("the page has %d routers, want %d", len(shown), len(routers))
	}
	for _, m := range shown {
		if routers[m[1]] == nil || !strings.Contains(string(source), "\t\t"+m[2]+"\n") {
			t.Errorf("%s is shown with %s, which is not run", m[1], m[2])
		}
	}
}
