// Receivercheck measures what it costs to import this library: it makes a
// module that imports it, resolves it with go mod tidy, and counts the
// requirements in go.mod and the lines in go.sum.
//
// The library is served from a file proxy made from the tree, as a released
// version would be. With a replace directive no checksum would be written for
// it, and the check would pass whatever it needs.
//
// A receiver, which imports package verify, must end with 1 requirement and 2
// lines. The count for a backend, which imports the root, is information.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const (
	path    = "github.com/autoreach/webhook"
	version = "v0.0.1"

	receiver = `package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/autoreach/webhook/verify"
)

func main() {
	v, err := verify.New(os.Getenv("WEBHOOK_SECRET"), nil)
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("POST /hooks", v.Handler(func(ctx context.Context, m verify.Message) error { return nil }))
	log.Fatal(http.ListenAndServe("localhost:8080", nil))
}
`
	backend = `package main

import (
	"context"
	"log"

	"github.com/autoreach/webhook"
)

func main() {
	d, err := webhook.New(webhook.NewMemoryStore(nil), nil)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(d.Run(context.Background()))
}
`
)

func main() {
	root := "../.." // of the tree, as seen from internal/tools
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := run(root); err != nil {
		fmt.Fprintln(os.Stderr, "receivercheck:", err)
		os.Exit(1)
	}
}

func run(root string) (err error) {
	tmp, err := os.MkdirTemp("", "receivercheck")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	w := world{tmp: tmp}
	if w.env, err = environment(tmp); err != nil {
		return err
	}
	if err := publish(root, filepath.Join(tmp, "proxy")); err != nil {
		return err
	}
	requires, sums, err := w.measure("receiver", receiver)
	if err != nil {
		return err
	}
	fmt.Printf("a receiver (package verify): %d requirement, %d lines in go.sum\n", len(requires), sums)
	if len(requires) != 1 || requires[0] != path || sums != 2 {
		return fmt.Errorf("a receiver must have 1 requirement and 2 lines in go.sum; it requires %v: verify, or what it imports, or a test of those, imports more than the standard library", requires)
	}
	requires, sums, err = w.measure("backend", backend)
	if err != nil {
		return err
	}
	fmt.Printf("a backend (package webhook): %d requirements, %d lines in go.sum\n", len(requires), sums)
	return nil
}

// environment is that of the go commands: an empty module cache, and a proxy
// from which first the tree, then the present cache, then the usual proxies
// are read.
func environment(tmp string) ([]string, error) {
	out, err := exec.Command("go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	cache, usual, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	proxy := "file://" + filepath.Join(tmp, "proxy") + ",file://" + filepath.Join(cache, "cache", "download")
	if usual != "" {
		proxy += "," + usual
	}
	return append(os.Environ(),
		"GOPROXY="+proxy,
		"GOMODCACHE="+filepath.Join(tmp, "cache"),
		"GOFLAGS=-mod=mod -modcacherw -buildvcs=false",
		"GOWORK=off",
		"GOPRIVATE=", "GONOPROXY=none", // the tree comes from the proxy, too
		"GOSUMDB=off", // the tree is in no checksum database; lines are counted, not judged
		"GOTOOLCHAIN=local",
	), nil
}

// publish makes a module proxy that has the root module, without those nested
// in it, as one version.
func publish(root, proxy string) error {
	dir := filepath.Join(proxy, filepath.FromSlash(path), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"list":            version + "\n",
		version + ".info": `{"Version":"` + version + `"}`,
		version + ".mod":  string(mod),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		return err
	}
	return errors.Join(zip.CreateFromDir(f, module.Version{Path: path, Version: version}, root), f.Close())
}

type world struct {
	tmp string
	env []string
}

// measure makes and builds a module of one file, and returns what its go.mod
// requires and how many lines its go.sum has.
func (w world) measure(name, source string) (requires []string, sums int, err error) {
	dir := filepath.Join(w.tmp, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, 0, err
	}
	for file, text := range map[string]string{
		"main.go": source,
		"go.mod":  "module example.com/" + name + "\n\ngo 1.25\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return nil, 0, err
		}
	}
	for _, args := range [][]string{{"get", path + "@" + version}, {"mod", "tidy"}, {"build", "-o", os.DevNull, "."}} {
		if _, err := w.run(dir, args...); err != nil {
			return nil, 0, err
		}
	}
	text, err := w.run(dir, "mod", "edit", "-json")
	if err != nil {
		return nil, 0, err
	}
	var mod struct {
		Require []module.Version
		Replace []any
	}
	if err := json.Unmarshal(text, &mod); err != nil {
		return nil, 0, err
	}
	if len(mod.Replace) > 0 {
		return nil, 0, errors.New("go.mod has a replace directive: nothing was measured")
	}
	for _, r := range mod.Require {
		requires = append(requires, r.Path)
	}
	sum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	return requires, strings.Count(string(sum), "\n"), err
}

func (w world) run(dir string, args ...string) ([]byte, error) {
	var failure strings.Builder
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, w.env, &failure
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("in %s: go %s: %w\n%s", filepath.Base(dir), strings.Join(args, " "), err, failure.String())
	}
	return out, nil
}
