package browser

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a condition may take on a machine that does much else.
const patience = time.Minute

// Tabs mostly wait, so there may be more of them than processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() < "4" {
		_ = flag.Set("test.parallel", "4")
	}
	if dir := os.Getenv("WEBHOOK_SHOTS"); dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	stopChromium()
	os.Exit(code)
}

var stopChromium = func() {}

// chromium starts the one browser of all tests.
var chromium = sync.OnceValues(func() (context.Context, error) {
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		return nil, errors.New("chromium is missing; on Debian: sudo make programs")
	}
	profile, err := os.MkdirTemp("", "chromium")
	if err != nil {
		return nil, err
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.WSURLReadTimeout(patience), chromedp.CombinedOutput(io.Discard)}
	for _, f := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars"} {
		options = append(options, chromedp.Flag(f, true))
	}
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocated)
	stopChromium = func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		stop()
		_ = os.RemoveAll(profile)
	}
	return ctx, chromedp.Do(ctx)
})

// A tab is a window with cookies of its own. Whatever happens in it, these must
// not, and are looked for all the time: violations of the page's
// Content-Security-Policy, errors and warnings on the console, exceptions,
// dialogs, and requests to anywhere but the host.
type tab struct {
	*testing.T
	ctx    context.Context
	origin string // such as http://127.0.0.1:8080
	prefix string // the path below which the console is mounted

	keyboard bool // act by keyboard alone
	noscript bool // the browser runs no JavaScript

	mu         sync.Mutex
	complaints []string
	requests   []*request
	pending    map[network.RequestID]*request
	elsewhere  []string // URLs that may be asked for beside those of the host
}

type request struct {
	method, url string
	kind        network.ResourceType
	status      int64
	header      network.Headers
	bytes       float64 // on the wire, with headers
	failed      string
}

// newTab opens a tab of the host.
func newTab(t *testing.T, w *world, options ...func(*tab)) *tab {
	t.Helper()
	return newTabAt(t, w.host.URL, mount, options...)
}

func newTabAt(t *testing.T, origin, prefix string, options ...func(*tab)) *tab {
	t.Helper()
	browser, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	b := &tab{T: t, origin: origin, prefix: prefix, pending: map[network.RequestID]*request{}}
	for _, o := range options {
		o(b)
	}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.hear))
	b.ctx = ctx
	t.Cleanup(func() {
		b.mu.Lock()
		for _, c := range b.complaints {
			t.Error(c)
		}
		b.mu.Unlock()
		if t.Failed() {
			b.evidence()
		}
		cancel()
	})
	none := cdp.Empty{}
	b.do(send(network.Enable, network.EnableParams{}), send(log.Enable, none), send(runtime.Enable, none), send(audits.Enable, none), send(page.Enable, page.EnableParams{}),
		send(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}), // as if it were the window in front
		send(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: b.noscript}),
		send(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: reportViolations}))
	b.size(1280, 900)
	return b
}

const reportViolations = `addEventListener("securitypolicyviolation", e => console.error("CSP: " + e.violatedDirective + " " + e.blockedURI + " " + e.sample))`

// send is a command to the browser as an action.
func send[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

func byKeyboard(b *tab) { b.keyboard = true }
func noScript(b *tab)   { b.noscript = true }

// hear collects what happens in the tab.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		// That an answer had a status such as 422 is for the tests to judge.
		if (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) && e.Entry.Source != log.EntrySourceNetwork {
			b.complain("browser log: %s %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if strings.Contains(marshal(e.Issue.Details), "FormInputAssignedAutocompleteValueToIdOrNameAttributeError") {
			return // a hint that an input with the id "name" could be one for the name of a person
		}
		b.complain("browser issue: %s %s", e.Issue.Code, marshal(e.Issue.Details))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.complain("console: %s", marshal(e.Args))
		}
	case *runtime.EventExceptionThrown:
		b.complain("exception: %s", marshal(e.ExceptionDetails))
	case *inspector.EventTargetCrashed:
		b.complain("the tab crashed")
	case *page.EventJavascriptDialogOpening:
		b.complain("a dialog opened: %s", e.Message)
		go func() { _ = chromedp.Do(b.ctx, send(page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})) }()
	case *page.EventWindowOpen:
		b.complain("a window opened: %s", e.URL)
	case *network.EventRequestWillBeSent:
		r := &request{method: e.Request.Method, url: e.Request.URL, kind: e.Type}
		if old := b.pending[e.RequestID]; old != nil && e.RedirectResponse != nil {
			old.status, old.header = e.RedirectResponse.Status, e.RedirectResponse.Headers
		}
		b.pending[e.RequestID] = r
		b.requests = append(b.requests, r)
		path, here := strings.CutPrefix(r.url, b.origin)
		if here && (path == "/" || path == "/favicon.ico" || path == "/login" || strings.HasPrefix(path, b.prefix)) {
			return
		}
		if strings.HasPrefix(r.url, "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSIxNiIgaGVpZ2h0PSIxNSI") {
			return // the browser's own picture of a calendar
		}
		for _, u := range b.elsewhere {
			if strings.HasPrefix(r.url, u) {
				return
			}
		}
		b.complain("%s asked for %s", e.DocumentURL, r.url)
	case *network.EventResponseReceived:
		if r := b.pending[e.RequestID]; r != nil {
			r.status, r.header = e.Response.Status, e.Response.Headers
		}
	case *network.EventLoadingFinished:
		if r := b.pending[e.RequestID]; r != nil {
			r.bytes = e.EncodedDataLength
		}
	case *network.EventLoadingFailed:
		if r := b.pending[e.RequestID]; r != nil {
			r.failed = e.ErrorText
		}
	}
}

func (b *tab) complain(format string, args ...any) {
	b.complaints = append(b.complaints, fmt.Sprintf(format, args...))
}

// sent are the requests since the mark.
func (b *tab) sent(mark int) []request {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []request
	for _, r := range b.requests[mark:] {
		out = append(out, *r)
	}
	return out
}

func (b *tab) mark() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests)
}

// shoot keeps a picture of the whole page in the folder that WEBHOOK_SHOTS names.
func (b *tab) shoot(name string) {
	b.Helper()
	dir := os.Getenv("WEBHOOK_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// evidence tells what a failed test saw last.
func (b *tab) evidence() {
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href + ' ' + document.body.innerText.replace(/\\s+/g, ' ')"))
	b.Logf("the page at the end: %s", text)
	if dir := os.Getenv("WEBHOOK_SHOTS"); dir != "" {
		png, _ := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		_ = os.WriteFile(filepath.Join(dir, "FAILED-"+strings.ReplaceAll(b.Name(), "/", "-")+".png"), png, 0o644)
	}
}
