package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/verify/verifytest"
)

// page is the documentation whose programs are run.
const page = "../../docs/receiving.md"

// shown are the programs of the page that are not run: they need a language that
// the tests do without.
var shown = []string{"webhook.rb", "webhook.php"}

// programs returns the blocks of the page by the name in their first line.
func programs(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	name := regexp.MustCompile(`^(?:<\?php )?(?://|#) ([\w./-]+\.\w+)`)
	for _, m := range regexp.MustCompile("(?ms)^```[a-z]+\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		n := name.FindStringSubmatch(m[1])
		if n == nil {
			t.Fatalf("a program of the page does not begin with a comment that names its file:\n%s", m[1])
		}
		out[n[1]] = m[1]
	}
	return out
}

// written puts the programs into a directory where node finds its packages.
func written(t *testing.T, all map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	all = maps.Clone(all)
	all["package.json"] = `{"type": "module"}`
	for name, text := range all {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	modules, err := filepath.Abs("node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// built compiles Go files as a package of this module and returns its path.
func built(t *testing.T, dir string, names ...string) string {
	t.Helper()
	here, err := filepath.Abs("receiver")
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for _, name := range names {
		replace[filepath.Join(here, name)] = filepath.Join(dir, name)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file, out := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "receiver")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("go", "build", "-overlay", file, "-o", out, "./receiver").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return out
}

// Every program of the page that is a receiver takes deliveries and refuses
// what is not genuine.
func TestReceivers(t *testing.T) {
	all := programs(t)
	js, python := node(t), pythonWith(t, "fastapi", "uvicorn", "flask", "django")
	dir := written(t, all)
	type receiver struct {
		command  []string
		bodyOnly bool
	}
	receivers := map[string]receiver{
		"receiver.go":         {command: []string{built(t, dir, "receiver.go")}},
		"express.mjs":         {command: []string{js, filepath.Join(dir, "express.mjs")}},
		"app/hooks/route.js":  {command: []string{js, "next.mjs", filepath.Join(dir, "app/hooks/route.js")}},
		"hooks.controller.ts": {command: []string{js, "nest.mjs", filepath.Join(dir, "hooks.controller.ts")}},
		"body-only.mjs":       {command: []string{js, filepath.Join(dir, "body-only.mjs")}, bodyOnly: true},
	}
	for _, name := range []string{"webhook.py", "fastapi_app.py", "flask_app.py", "views.py"} {
		receivers[name] = receiver{command: []string{python, "serve.py", dir, name}}
	}
	// By the others, by TestOpenSSL, TestTyped, TestLaptop and TestPublicKey.
	run := []string{"webhook.mjs", "check.sh", "typed.go", "laptop.sh", "public-key.mjs"}
	for name := range receivers {
		run = append(run, name)
	}
	if want, got := slices.Sorted(slices.Values(append(run, shown...))), slices.Sorted(maps.Keys(all)); !slices.Equal(want, got) {
		t.Errorf("the page has the programs %q; run or known to be shown only are %q", got, want)
	}
	for _, s := range secrets {
		genuine := captured(t, s.secret)
		for name, r := range receivers {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				url := serve(t, []string{"WEBHOOK_SECRET=" + s.secret}, r.command[0], r.command[1:]...) + "/hooks"
				forged := tampered(t, s.secret, genuine)
				if r.bodyOnly {
					forged = bodyTampered(genuine)
				}
				wantDelivered(t, url, s.secret)
				wantRefused(t, url, genuine, forged)
			})
		}
	}
}

// The page's program for a public key takes what is signed by that key, alone or
// beside a secret, and nothing else.
func TestPublicKey(t *testing.T) {
	js, dir := node(t), written(t, programs(t))
	key, publicKey := verifytest.Keys()
	another, _ := verifytest.Keys()
	url := serve(t, []string{"WEBHOOK_PUBLIC_KEY=" + publicKey}, js, filepath.Join(dir, "public-key.mjs")) + "/hooks"
	alone := webhook.Endpoint{SigningKey: webhook.Secret(key)}
	for e, status := range map[*webhook.Endpoint]int{
		&alone: http.StatusNoContent,
		{SigningKey: webhook.Secret(key), Secret: "beside a secret of mine"}: http.StatusNoContent,
		{SigningKey: webhook.Secret(another)}:                                http.StatusUnauthorized,
		{Secret: "a secret and no key"}:                                      http.StatusUnauthorized,
	} {
		e.URL = url
		newSenderOf(t, *e).want(t, status)
	}
	genuine := capturedOf(t, alone)
	signature, at := genuine.header.Get("webhook-signature"), func(d time.Duration) request {
		req, err := http.NewRequest(http.MethodPost, "http://localhost", nil)
		if err != nil {
			t.Fatal(err)
		}
		verifytest.Sign(req, "", genuine.body, &verifytest.Options{SigningKey: key, Time: time.Now().Add(d)})
		return request{req.Header, genuine.body}
	}
	wantRefused(t, url, genuine, map[string]request{
		"another body":      {genuine.header, bytes.Replace(genuine.body, []byte("lead"), []byte("Lead"), 1)},
		"another id":        genuine.with("webhook-id", "msg_1"),
		"another time":      genuine.with("webhook-timestamp", "1"),
		"another signature": genuine.with("webhook-signature", "v1a,"+swapped(signature[len("v1a,"):])),
		"another version":   genuine.with("webhook-signature", "v1,"+signature[len("v1a,"):]),
		"a cut signature":   genuine.with("webhook-signature", signature[:len("v1a,")+8]),
		"no signature":      genuine.with("webhook-signature", ""),
		"no id":             genuine.with("webhook-id", ""),
		"no time":           genuine.with("webhook-timestamp", ""),
		"an hour old":       at(-time.Hour),
		"an hour ahead":     at(time.Hour),
	})
}

// The typed function of the page is built into its receiver, and takes
// deliveries.
func TestTyped(t *testing.T) {
	all := programs(t)
	const logs = "func(ctx context.Context, m verify.Message) error {\n\t\tlog.Println(m.ID, m.Event)\n\t\treturn nil // 204; an error is answered 500, and it is sent again\n\t}"
	if !strings.Contains(all["receiver.go"], logs) {
		t.Fatal("the function of receiver.go is another one")
	}
	all["receiver.go"] = strings.Replace(strings.Replace(all["receiver.go"], logs, "hooks", 1), "\t\"context\"\n", "", 1)
	dir := written(t, all)
	url := serve(t, []string{"WEBHOOK_SECRET=" + secrets[0].secret}, built(t, dir, "receiver.go", "typed.go"))
	wantDelivered(t, url+"/hooks", secrets[0].secret)
}

// The flags that the page shows are those of examples/receiver. That they do
// what is said is tested there.
func TestLaptop(t *testing.T) {
	receiver := filepath.Join(t.TempDir(), "receiver")
	if said, err := exec.Command("go", "-C", "../../examples", "build", "-o", receiver, "./receiver").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	shown := regexp.MustCompile(`(?m)^go -C examples run ./receiver(.*?)#`).FindAllStringSubmatch(programs(t)["laptop.sh"], -1)
	if len(shown) != 4 {
		t.Errorf("the page starts it in %d ways, want 4", len(shown))
	}
	for _, m := range shown {
		address := freeAddress(t)
		args := append(strings.Fields(m[1]), "--addr", address)
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, receiver, args...)
		cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secrets[0].secret)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if want := "listening on http://" + address + "\n"; err != nil || line != want {
			t.Errorf("%q printed %q %v, want %q", args, line, err, want)
		}
		cancel()
		_ = cmd.Wait() // killed
	}
}

// While a secret is rotated, X-Webhook-Signature is made with the old one: a
// receiver of that header needs it until the end, as the page says.
func TestBodyOnlyRotation(t *testing.T) {
	const before, after = "the secret of last year", "the secret of this year"
	js, dir := node(t), written(t, programs(t))
	start := func(env ...string) (url string) {
		return serve(t, env, js, filepath.Join(dir, "body-only.mjs")) + "/hooks"
	}
	both := start("WEBHOOK_SECRET="+after, "WEBHOOK_SECRET_OLD="+before)
	fresh := start("WEBHOOK_SECRET=" + after)
	for url, status := range map[string]int{both: http.StatusNoContent, fresh: http.StatusUnauthorized} {
		s := newSender(t, url, before)
		if _, _, err := s.RotateSecret(t.Context(), account, s.endpoint, after, 0); err != nil {
			t.Fatal(err)
		}
		s.want(t, status)
	}
}

// What check.sh prints is what a delivery has.
func TestOpenSSL(t *testing.T) {
	program(t, "openssl")
	for _, s := range secrets {
		t.Run(s.name, func(t *testing.T) {
			r := captured(t, s.secret)
			dir := written(t, map[string]string{"check.sh": programs(t)["check.sh"], "body.json": string(r.body)})
			cmd := exec.Command("sh", "check.sh")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+s.secret,
				"WEBHOOK_ID="+r.header.Get("webhook-id"), "WEBHOOK_TIMESTAMP="+r.header.Get("webhook-timestamp"))
			got, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, got)
			}
			want := ""
			for _, name := range []string{"x-webhook-signature", "webhook-signature"} {
				want += name + ": " + r.header.Get(name) + "\n"
			}
			if string(got) != want {
				t.Errorf("check.sh printed\n%swant\n%s", got, want)
			}
		})
	}
}
