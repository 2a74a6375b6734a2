package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// hostile are values that customers, endpoints and hosts can bring in.
func hostile(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("../../console/testdata/console_payloads.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		var row struct{ Value string }
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		out = append(out, row.Value)
	}
	if len(out) < 15 {
		t.Fatalf("only %d values were read", len(out))
	}
	return append(out, `" onmouseover="alert(1)" autofocus onfocus="alert(1)`, `' autofocus onfocus='alert(1)`, "</pre><img src=x onerror=alert(1)>",
		"<svg onload=alert(1)>", "<iframe src=//evil.example></iframe>", "<style>*{display:none}</style>", "<!--", "{{.}}", "`${alert(1)}`", "&lt;b&gt;")
}

// skeleton is a page without its texts: elements, attributes, and where links
// and forms lead. The IDs of webhooks and the numbers of deliveries are all the
// same in it.
const skeleton = `(() => {
	const out = [];
	const visit = (el, depth) => {
		const attributes = [...el.attributes].filter(a => !["checked", "selected"].includes(a.name)).map(a => a.name + (["href", "src", "action", "formaction", "class", "id", "type", "method", "role"].includes(a.name) ? "=" + a.value : "")).sort();
		out.push(" ".repeat(depth) + el.localName + " " + attributes.join(" "));
		for (const child of el.children) if (!["time", "path", "rect", "title"].includes(child.localName)) visit(child, depth + 1);
	};
	visit(document.documentElement, 0);
	for (const el of document.querySelectorAll("[href], [src], [action], [formaction]"))
		for (const name of ["href", "src", "action", "formaction"]) {
			const value = el.getAttribute(name);
			if (value && new URL(value, location.href).origin !== location.origin) out.push("leads elsewhere: " + value);
		}
	return out.join("\n").replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, "ID").replaceAll(/(ID\/|id=[dr])[0-9]+/g, "$1N");
})()`

// Whatever is stored is shown as text: no element, attribute or link stems from
// it, nothing runs, and nothing is asked for. Dialogs, requests to elsewhere and
// violations of the policy are looked for in every tab anyway.
func TestHostileValuesAreText(t *testing.T) {
	t.Parallel()
	values := append([]string{"harmless"}, hostile(t)...)
	var types []events.Type
	for i, v := range values {
		types = append(types, events.Of(fmt.Sprintf("order.n%d", i), v, v, func() map[string]string { return map[string]string{v: v} }))
	}
	w := newWorld(t, nil, func(o *webhook.Options) {
		o.Events = types
		o.Retry = webhook.Schedule{}
		o.EndpointLimit = func(string) int { return 100 }
	})
	var hooks []webhook.Endpoint
	for i, v := range values {
		path := fmt.Sprintf("/n%d", i)
		at := w.receiver.at(path, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("X-Evil", strings.Map(visible, v))
			rw.WriteHeader(418)
			_, _ = rw.Write([]byte(v))
		})
		e, err := w.d.CreateEndpoint(webhook.WithActor(context.Background(), printable(v)), webhook.Endpoint{Account: "acme", Name: printable(v),
			URL: at + "?q=" + url.QueryEscape(v), Events: []string{types[i].Name}, Secret: webhook.GenerateSecret(), Headers: map[string]string{"X-Note": "x" + strings.Map(visible, v)}})
		if err != nil {
			t.Fatal(err)
		}
		hooks = append(hooks, e)
		w.happen("acme", types[i].Name, 1)
	}
	w.settle()

	b := newTab(t, w)
	b.as("Ada")
	page := func(path string) string {
		t.Helper()
		b.open(path)
		return eval[string](b, "%s", skeleton)
	}
	for _, path := range []string{"{id}", "{id}/{n}", "{id}/edit", "{id}/delete", "?done={q}&after={q}", "{v}x"} {
		var want string
		for i, v := range values {
			n := w.deliveries(hooks[i])[0].ID
			got := page(strings.NewReplacer("{id}", hooks[i].ID, "{n}", fmt.Sprint(n), "{v}", url.PathEscape(v), "{q}", url.QueryEscape(v)).Replace(path))
			if i == 0 {
				want = got
			} else if got != want {
				t.Errorf("%q changes %s:\n%s", v, path, difference(want, got))
			}
		}
	}
	b.open(hooks[1].ID)
	b.sees(values[1])
	b.open(fmt.Sprintf("%s/%d", hooks[1].ID, w.deliveries(hooks[1])[0].ID))
	for _, sel := range []string{"h1", ".attempts pre", "pre[aria-label=Payload]"} {
		b.shows(sel, `<script>alert\(1\)</script>`)
	}

	// The list, and what is typed and comes back.
	b.open("")
	if n := eval[int](b, `document.querySelectorAll("script").length`); n != 1 {
		t.Errorf("%d scripts are on the list", n)
	}
	for _, v := range values {
		b.open("new")
		eval[bool](b, `(() => {
			for (const el of document.querySelectorAll("input:not([type=radio], [type=checkbox], [type=hidden]), textarea")) el.value = %s;
			return true;
		})()`, js(v))
		b.press("summary")
		b.follow(".form-end button")
		if got := b.value("#name"); got != strings.NewReplacer("\r", "", "\n", "").Replace(v) {
			t.Errorf("%q came back as %q", v, got)
		}
		if extra := eval[string](b, `[...document.querySelectorAll("script, iframe, img, base, style, object, embed, link, meta, [onerror], [onload], [onfocus], [onmouseover]")].map(el => el.localName).join(" ")`); extra != "meta meta meta link script" {
			t.Errorf("%q makes elements: %s", v, extra)
		}
	}
}

// printable is a value as a name may hold it.
func printable(s string) string { return strings.Map(visible, s[:min(len(s), 90)]) }

func visible(r rune) rune {
	if r < ' ' || r >= 0x7f {
		return 'x'
	}
	return r
}

// difference is where two texts begin to differ.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d was %q and is %q", i, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines were %d", len(b), len(a))
}
