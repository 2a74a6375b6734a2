// Package policy has tests of the tree as a whole: which package may import
// which, and that the README says what is true.
package policy

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/autoreach/webhook"
	root   = "../.." // of the tree
)

// The external modules of the root module. There are no others.
const (
	backoff = "github.com/cenkalti/backoff/v4"
	uuid    = "github.com/google/uuid"
	testify = "github.com/stretchr/testify"
)

// A rule says what the packages in some directories may import beside the
// standard library, their own directory, and for tests what the package
// itself may.
type rule struct {
	dirs      string   // the first rule that matches counts; see match
	own       []string // directories of this tree
	ext       []string // paths outside of it, with those below; "*" is any
	tests     []string // own, for tests
	testsExt  []string // ext, for tests
	onlyFiles []string // an ext is for this file only, in the form "file ext"
}

// rules is the order of the tree:
//
//	std < {events, internal/*} < verify < webhook < {storetest, webhooktest,
//	console} < stores/* < examples
//
// A receiver's go.sum holds what verify imports, what that imports, and what
// the tests of those import: that is why the first rules have no testify.
var rules = []rule{
	{dirs: "events"},
	{dirs: "internal/policy"},
	{dirs: "internal/signature"},
	{dirs: "internal/tools/**", ext: []string{"golang.org/x/mod"}},
	{
		dirs: "internal/sim", own: []string{".", "events", "webhooktest"},
		tests: []string{"stores/*", "internal/pgserver"}, testsExt: []string{"github.com/jackc/pgx/v5"},
	},
	{
		// Programs that run the whole library, each a module of its own.
		dirs: "internal/crash/**", ext: []string{"*"},
		own: []string{".", "events", "verify", "webhooktest", "stores/**", "internal/pgserver", "internal/crash/**"},
	},
	{
		dirs: "internal/bench/**", ext: []string{"*"},
		own: []string{".", "events", "verify", "webhooktest", "stores/**", "internal/pgserver", "internal/bench/**"},
	},
	{
		// The libraries of others that verify and sign, in a module of its own.
		dirs: "internal/interop/**", ext: []string{"*"},
		own: []string{".", "events", "verify/**"},
	},
	{
		// The routers that receivers use, in a module of its own.
		dirs: "internal/frameworks", ext: []string{"*"},
		own: []string{".", "events", "verify/**"},
	},
	{
		// The console in a browser, in a module of its own.
		dirs: "internal/browser", ext: []string{"*"},
		own: []string{".", "events", "console", "stores/**"},
	},
	{
		// Transactions of other libraries, in a module of its own.
		dirs: "internal/handles", ext: []string{"*"},
		own: []string{".", "events", "stores/**", "internal/pgserver"},
	},
	{dirs: "internal/chat", own: []string{"events"}, tests: []string{"internal/chatpeer"}, testsExt: []string{testify}},
	{dirs: "internal/chatpeer"}, // judges what internal/chat makes, and shares nothing with it
	// What the tests of both SQL stores share.
	{dirs: "internal/atrest", own: []string{".", "events", "webhooktest"}},
	{dirs: "internal/consolewalk", own: []string{".", "events", "webhooktest", "console"}},
	{dirs: "internal/*", own: []string{"internal/*"}, testsExt: []string{testify}},
	{dirs: "verify", own: []string{"events", "internal/signature"}, tests: []string{"verify/verifytest"}},
	{dirs: "verify/sqlonce", own: []string{"verify"}},
	{dirs: "verify/verifytest", own: []string{"internal/signature", "verify"}, tests: []string{"events"}},
	{
		dirs: ".", own: []string{"events", "internal/*", "verify"},
		onlyFiles: []string{"retry.go " + backoff, "id.go " + uuid},
		tests:     []string{"verify/verifytest", "storetest", "webhooktest"}, testsExt: []string{testify},
	},
	{dirs: "storetest", own: []string{".", "events", "internal/*", "verify"}, testsExt: []string{testify}},
	{dirs: "webhooktest", own: []string{".", "events", "internal/*", "verify"}, tests: []string{"verify/verifytest"}, testsExt: []string{testify}},
	{dirs: "console", own: []string{".", "events", "internal/*", "verify"}, tests: []string{"verify/verifytest", "webhooktest"}, testsExt: []string{testify}},
	{
		dirs: "stores/**", ext: []string{"*"},
		own:   []string{".", "events", "verify"},
		tests: []string{"verify/**", "storetest", "webhooktest", "console", "internal/pgserver", "internal/atrest", "internal/consolewalk"},
	},
	{
		dirs: "examples/**", ext: []string{"*"},
		own:   []string{".", "events", "verify/**", "storetest", "webhooktest", "console", "stores/**", "examples/**"},
		tests: []string{"internal/pgserver"},
	},
}

// match says whether a directory matches a pattern of path.Match, or lies at
// or below one that ends in /**.
func match(pattern, dir string) bool {
	if above, ok := strings.CutSuffix(pattern, "/**"); ok {
		return dir == above || strings.HasPrefix(dir, above+"/")
	}
	ok, err := path.Match(pattern, dir)
	if err != nil {
		panic(err)
	}
	return ok
}

// judge says why a file, named from the root, may not import a package.
func judge(file, imported string) error {
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		if imported == "C" {
			return fmt.Errorf("%s uses cgo", file)
		}
		return nil // the standard library
	}
	dir, name := path.Split(file)
	dir = path.Clean(dir)
	i := slices.IndexFunc(rules, func(r rule) bool { return match(r.dirs, dir) })
	if i < 0 {
		return fmt.Errorf("%s: no rule in internal/policy is about this directory; add it to the table", file)
	}
	r := rules[i]
	test := strings.HasSuffix(name, "_test.go")
	own, ext := r.own, r.ext
	if test {
		own, ext = slices.Concat(own, r.tests), slices.Concat(ext, r.testsExt)
	}
	if imported == module || strings.HasPrefix(imported, module+"/") {
		to := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
		if to == "" {
			to = "."
		}
		if to == dir || slices.ContainsFunc(own, func(p string) bool { return match(p, to) }) {
			return nil
		}
		return fmt.Errorf("%s may not import %s; %q may import %q", file, imported, r.dirs, own)
	}
	for _, only := range r.onlyFiles {
		if f, p, _ := strings.Cut(only, " "); f == name && within(p, imported) {
			return nil
		}
	}
	if slices.ContainsFunc(ext, func(p string) bool { return p == "*" || within(p, imported) }) {
		return nil
	}
	return fmt.Errorf("%s may not import %s; adding a dependency is a big deal, see CONTRIBUTING.md", file, imported)
}

func within(p, imported string) bool {
	return imported == p || strings.HasPrefix(imported, p+"/")
}

// Every file counts, whatever its build constraints.
func TestImports(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && name != root && (base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(base, ".go") {
			return nil
		}
		files++
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		file, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if err := judge(filepath.ToSlash(file), imported); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files were found: the walk is broken", files)
	}
}

// The table would pass in silence if it allowed everything.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		file, imports string
		ok            bool
	}{
		{"webhook.go", "context", true},
		{"webhook.go", "C", false},
		{"webhook.go", module + "/verify", true},
		{"webhook.go", module + "/internal/guard", true},
		{"webhook.go", module + "/storetest", false},
		{"webhook.go", module + "/verify/verifytest", false},
		{"webhook_test.go", module + "/storetest", true},
		{"webhook_test.go", module + "/stores/sqlitestore", false},
		{"retry.go", backoff, true},
		{"send.go", backoff, false},
		{"retry_test.go", backoff, false},
		{"id.go", uuid, true},
		{"retry.go", uuid, false},
		{"webhook_test.go", testify + "/require", true},
		{"webhook.go", testify + "/require", false},
		{"webhook_test.go", "github.com/lib/pq", false},
		{"events/lead.go", module, false},
		{"events/lead.go", module + "/internal/guard", false},
		{"events/lead_test.go", testify + "/assert", false},
		{"events/lead_test.go", module + "/events", true},
		{"internal/signature/key.go", module + "/internal/guard", false},
		{"internal/signature/key_test.go", testify + "/assert", false},
		{"internal/guard/url.go", module, false},
		{"internal/guard/url.go", module + "/events", false},
		{"internal/guard/url_test.go", testify + "/assert", true},
		{"internal/exchange/dial.go", module + "/internal/guard", true},
		{"internal/chat/slack.go", module + "/events", true},
		{"internal/chat/slack.go", module, false},
		{"internal/chat/slack.go", module + "/internal/chatpeer", false},
		{"internal/chat/golden_test.go", module + "/internal/chatpeer", true},
		{"internal/chatpeer/slack.go", module + "/internal/chat", false},
		{"verify/verifier.go", module + "/internal/signature", true},
		{"verify/verifier.go", module + "/internal/guard", false},
		{"verify/verifier.go", module, false},
		{"verify/verifier_test.go", testify + "/require", false},
		{"verify/verifier_test.go", module, false},
		{"verify/verifytest/verifytest_test.go", testify + "/require", false},
		{"storetest/run.go", module, true},
		{"storetest/run.go", testify + "/require", false},
		{"console/page.go", module + "/webhooktest", false},
		{"stores/pgstore/store.go", "github.com/jackc/pgx/v5", true},
		{"stores/pgstore/store.go", module + "/internal/pace", false},
		{"stores/pgstore/store_test.go", module + "/internal/pace", false},
		{"stores/pgstore/store.go", module + "/storetest", false},
		{"stores/pgstore/store_test.go", module + "/storetest", true},
		{"stores/pgstore/store.go", module + "/stores/sqlitestore", false},
		{"examples/quickstart/main.go", module, true},
		{"examples/quickstart/main.go", module + "/stores/sqlitestore", true},
		{"examples/quickstart/main_test.go", module + "/internal/guard", false},
		{"internal/sim/world.go", module + "/webhooktest", true},
		{"internal/sim/world.go", module + "/internal/pace", false},
		{"internal/sim/world.go", module + "/stores/pgstore", false},
		{"internal/sim/stores_test.go", module + "/stores/pgstore", true},
		{"internal/sim/sim_test.go", testify + "/require", false},
		{"helpers/helpers.go", module, false},
	} {
		if err := judge(c.file, c.imports); (err == nil) != c.ok {
			t.Errorf("%s imports %s: got %v, want allowed %v", c.file, c.imports, err, c.ok)
		}
	}
}

// What a receiver gets, tests included, is this module's and the standard
// library, all the way down.
func TestReceiverDependencies(t *testing.T) {
	out := goCommand(t, "list", "-deps", "-test", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./verify/...", "./events/...")
	for _, p := range strings.Fields(out) {
		if strings.HasPrefix(p, "[") { // "pkg [pkg.test]": pkg as built for a test
			continue
		}
		switch p = strings.TrimSuffix(strings.TrimSuffix(p, ".test"), "_test"); p {
		case module + "/verify", module + "/verify/sqlonce", module + "/verify/verifytest", module + "/events", module + "/internal/signature":
		default:
			t.Errorf("verify or events, or a test of theirs, depends on %s", p)
		}
	}
}

// The root module requires three modules, for good.
func TestRootRequirements(t *testing.T) {
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace []any
	}
	if err := json.Unmarshal([]byte(goCommand(t, "mod", "edit", "-json")), &mod); err != nil {
		t.Fatal(err)
	}
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	if want := []string{backoff, uuid, testify}; !slices.Equal(slices.Sorted(slices.Values(direct)), want) {
		t.Errorf("go.mod requires %q, want %q", direct, want)
	}
	if len(mod.Replace) > 0 {
		t.Error("the root go.mod has a replace directive: importers would not see what it replaces")
	}
}

// goCommand runs a go command at the root.
func goCommand(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var failure strings.Builder
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, failure.String())
	}
	return string(out)
}
