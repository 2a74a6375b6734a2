package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func marshal(v any) string { b, _ := json.Marshal(v); return string(b) }

// do runs actions of the browser.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatalf("browser: %v", err)
	}
}

// eval evaluates JavaScript of the tests, also where the page's own is off.
func eval[T any](b *tab, format string, args ...any) T {
	b.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](fmt.Sprintf(format, args...)))
	if err != nil {
		b.Fatalf("browser: %v", err)
	}
	return out
}

// js is a string in JavaScript.
func js(s string) string { return marshal(s) }

// until waits until a condition holds, in whatever page is there then.
func (b *tab) until(format string, args ...any) {
	b.Helper()
	condition := fmt.Sprintf(format, args...)
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var ok bool
		if ok, err = chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+condition+")")); err == nil && ok {
			return
		}
	}
	b.Fatalf("waited in vain for %s (%v)", condition, err)
}

// sees waits until the page shows a text; upper case, white space and styles do
// not matter.
func (b *tab) sees(text string) {
	b.Helper()
	b.until("document.body?.innerText.replace(/\\s+/g, ' ').toLowerCase().includes(%s)", js(strings.ToLower(text)))
}

// text is what an element shows.
func (b *tab) text(sel string) string {
	b.Helper()
	b.until("document.querySelector(%s)", js(sel))
	return eval[string](b, "document.querySelector(%s).innerText.replace(/\\s+/g, ' ').trim()", js(sel))
}

// value is what a field holds.
func (b *tab) value(sel string) string {
	b.Helper()
	return eval[string](b, "document.querySelector(%s).value", js(sel))
}

// has says whether there is such an element now.
func (b *tab) has(sel string) bool {
	b.Helper()
	return eval[bool](b, "!!document.querySelector(%s)", js(sel))
}

// shows fails unless an element matches the pattern.
func (b *tab) shows(sel, pattern string) {
	b.Helper()
	if got := b.text(sel); !matches(pattern, got) {
		b.Errorf("%s shows %q, want %s", sel, got, pattern)
	}
}

// size sets the size of the window.
func (b *tab) size(width, height int64) {
	b.Helper()
	b.do(send(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600}))
}

// scheme sets light or dark.
func (b *tab) scheme(s string) {
	b.Helper()
	b.do(send(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: s}, {Name: "prefers-reduced-motion", Value: "reduce"}}}))
}

// open goes to a path below the mount, and returns its status.
func (b *tab) open(path string) int64 {
	b.Helper()
	mark := b.mark()
	b.leaves(func() { b.do(chromedp.Navigate(b.origin + b.prefix + path)) })
	for _, r := range b.sent(mark) {
		if r.kind == "Document" && r.status != 0 && r.status/100 != 3 {
			return r.status
		}
	}
	b.Fatalf("%s gave no answer", path)
	return 0
}

// leaves waits until what act does has led to another page.
func (b *tab) leaves(act func()) {
	b.Helper()
	eval[bool](b, "document.old = true")
	act()
	b.until("!document.old && document.readyState === 'complete'")
}

// reload reloads the page.
func (b *tab) reload() {
	b.Helper()
	b.leaves(func() { b.do(chromedp.Reload()) })
}

// follow presses something that leads to another page.
func (b *tab) follow(sel string) {
	b.Helper()
	b.leaves(func() { b.press(sel) })
}

// press activates a link, a button, a box or a radio.
func (b *tab) press(sel string) {
	b.Helper()
	b.until("document.querySelector(%s)", js(sel))
	if !b.keyboard {
		b.click(sel)
		return
	}
	b.tabTo(sel)
	switch kind := eval[string](b, "document.activeElement.matches('input[type=radio]') ? 'radio' : document.activeElement.matches('button, input') ? 'space' : 'enter'"); kind {
	case "radio":
		for range 30 { // the arrows go round within the group
			if eval[bool](b, "document.activeElement.matches(%s)", js(sel)) {
				break
			}
			b.key(kb.ArrowDown)
		}
		b.key(" ")
	case "space":
		b.key(" ")
	default:
		b.key(kb.Enter)
	}
}

// click moves the mouse to the middle of an element and presses its button.
func (b *tab) click(sel string) {
	b.Helper()
	type spot struct {
		X, Y  float64
		Above string
	}
	var at spot
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		at = eval[spot](b, `(() => {
			const el = document.querySelector(%s);
			if (!el) return {above: "it is not there"};
			el.scrollIntoView({block: "center", behavior: "instant"});
			const r = el.getClientRects()[0];
			if (!r) return {above: "it is not shown"};
			const x = r.x + r.width / 2, y = r.y + r.height / 2, hit = document.elementFromPoint(x, y);
			return {x, y, above: el.contains(hit) || hit?.closest("label")?.control === el ? "" : "there is " + (hit?.outerHTML ?? "nothing").slice(0, 200)};
		})()`, js(sel))
		if at.Above == "" {
			break
		}
		if time.Now().After(end) {
			b.Fatalf("%s cannot be clicked: %s", sel, at.Above)
		}
	}
	b.do(chromedp.MouseEvent(chromedp.MouseMoved, at.X, at.Y), chromedp.MouseClickXY(at.X, at.Y))
}

// key presses and releases keys. Like a keyboard it sends the character along
// with the key: a browser forgets it where the key itself has led elsewhere.
func (b *tab) key(keys string, modifiers ...chromedp.Modifier) {
	b.Helper()
	for _, r := range keys {
		events := kb.Encode(r)
		down, up := *events[0], *events[len(events)-1]
		if len(events) == 3 && len(modifiers) == 0 {
			down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
		}
		for _, m := range modifiers {
			down.Modifiers |= int64(m)
		}
		b.do(send(input.DispatchKeyEvent, down), send(input.DispatchKeyEvent, up))
	}
}

// stop is where the focus is.
type stop struct {
	Is   bool   // it is what was looked for, or another radio of its group
	What string // its markup
	Bad  string // why it could not be found by looking
}

// focus looks at where the focus is: it has to be seen, and to be in the window.
func (b *tab) focus(sel string) stop {
	b.Helper()
	return eval[stop](b, `(() => {
		const el = document.activeElement, want = document.querySelector(%s);
		if (!el || el === document.body) return {what: "", bad: ""};
		const is = el === want || el.type === "radio" && want?.type === "radio" && el.name === want.name && el.form === want.form;
		const s = getComputedStyle(el), r = el.getBoundingClientRect();
		let bad = "";
		if (s.outlineStyle === "none" || parseFloat(s.outlineWidth) < 1) bad = "has no outline";
		else if (r.width < 1 || r.height < 1 || r.right < 1 || r.bottom < 1 || r.left > innerWidth || r.top > innerHeight) bad = "is outside of the window";
		return {is, bad, what: el.outerHTML.slice(0, 160)};
	})()`, js(sel))
}

// tabTo goes to an element by the tab key.
func (b *tab) tabTo(sel string) {
	b.Helper()
	var way []string
	for range 200 {
		s := b.focus(sel)
		if s.Bad != "" {
			b.Errorf("the focus cannot be seen: %s %s", s.What, s.Bad)
		}
		if s.Is {
			return
		}
		way = append(way, s.What)
		b.key(kb.Tab)
	}
	b.Fatalf("the tab key does not lead to %s, but to:\n%s", sel, strings.Join(way, "\n"))
}

// fill puts a text into a field.
func (b *tab) fill(sel, text string) {
	b.Helper()
	b.until("document.querySelector(%s)", js(sel))
	if b.keyboard {
		b.tabTo(sel)
	} else {
		b.click(sel)
	}
	b.key("a", chromedp.ModifierCtrl)
	b.key(kb.Delete)
	if text != "" {
		b.do(send(input.InsertText, input.InsertTextParams{Text: text}))
	}
	if got := b.value(sel); got != text {
		b.Fatalf("%s holds %q after %q was typed", sel, got, text)
	}
}

// choose chooses an option of a select, which opens no list of its own here.
func (b *tab) choose(sel, value string) {
	b.Helper()
	if b.keyboard {
		b.tabTo(sel)
	} else {
		b.until("document.querySelector(%s)", js(sel))
		eval[bool](b, "(document.querySelector(%s).focus(), true)", js(sel))
	}
	b.key(kb.Home)
	for range 30 {
		if b.value(sel) == value {
			return
		}
		b.key(kb.ArrowDown)
	}
	b.Fatalf("%s has no %q", sel, value)
}

// download presses a link and returns the file that comes of it.
func (b *tab) download(sel string) (name string, body []byte) {
	b.Helper()
	dir := b.TempDir()
	c := chromedp.FromContext(b.ctx)
	_, err := chromedp.CallBrowser(b.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir, BrowserContextID: c.BrowserContextID})
	if err != nil {
		b.Fatal(err)
	}
	b.press(sel)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		found, _ := filepath.Glob(filepath.Join(dir, "*.txt"))
		if len(found) == 1 {
			body, err := os.ReadFile(found[0])
			if err != nil {
				b.Fatal(err)
			}
			if len(body) > 0 { // its name is there first
				return filepath.Base(found[0]), body
			}
		}
	}
	b.Fatal("nothing was downloaded")
	return "", nil
}

func matches(pattern, s string) bool { return regexp.MustCompile(pattern).MatchString(s) }
