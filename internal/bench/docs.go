package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// introductions are what new pages begin with.
var introductions = map[string]string{
	"benchmarks.md": `# Benchmarks

Measured by a program in [internal/bench](../internal/bench/doc.go), which
writes the tables and plots of this page:

    make bench        # all of it, about an hour
    make bench-short  # the most important figures, under four minutes

Sender and receiver are two processes that share one machine, and speak plain
HTTP/1.1 on loopback. There are 100 endpoints unless it says otherwise, each of
an account of its own, and a payload has 1 KiB. PostgreSQL runs with its default
durability, SQLite with synchronous=FULL. Values are medians of the iterations.
Only ratios within one run say much: a shared machine can be twice as fast an
hour later.
`,
	"scaling.md": `# Scaling

How costs grow with what is stored, measured by a program in
[internal/bench](../internal/bench/doc.go), which writes the tables and plots of
this page:

    go -C internal/bench run . -only scaling -docs ../../docs
`,
}

// document puts a scenario's figures between its two markers in its page, and
// its plots beside it. A page that has no place for it gets one at its end.
func (b *bench) document(s scenario) error {
	page := s.page
	if page == "" {
		page = "benchmarks.md"
	}
	name := filepath.Join(b.docs, page)
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		text, err = []byte(introductions[page]), nil
	}
	if err != nil {
		return err
	}
	folder := strings.TrimSuffix(page, ".md")
	if err := os.MkdirAll(filepath.Join(b.docs, folder), 0o755); err != nil {
		return err
	}
	for _, p := range b.plots {
		if err := os.WriteFile(filepath.Join(b.docs, folder, p.name+".svg"), []byte(p.svg()), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(name, splice(text, s.name, b.section(s, folder)), 0o644)
}

// splice replaces what is between the markers of a name.
func splice(text []byte, name, section string) []byte {
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok1 := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok1 || !ok2 {
		before, after = append(bytes.TrimRight(text, "\n"), "\n\n"...), nil
	}
	return slices.Concat(before, []byte(begin+section+end), after)
}

// section is the scenario in Markdown.
func (b *bench) section(s scenario, folder string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "## %s\n%s.\n\n", s.title, s.about)
	if s.tables != nil {
		out.WriteString(s.tables())
	} else {
		out.WriteString("| figure | value | of all iterations | unit |\n|---|--:|---|---|\n")
		for _, f := range b.figures {
			fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", f.name, number(median(f.values)), spreadOf(f.values), f.unit)
		}
	}
	for _, p := range b.plots {
		fmt.Fprintf(&out, "\n![%s](%s/%s.svg)\n", p.title, folder, p.name)
	}
	fmt.Fprintf(&out, "\nMeasured on %s with\n`%s`: %s.\n\n", time.Now().Format("2 January 2006"), b.command(s), b.machine())
	return out.String()
}

func spreadOf(values []float64) string {
	if len(values) < 2 {
		return ""
	}
	return number(slices.Min(values)) + " to " + number(slices.Max(values))
}

func (b *bench) command(s scenario) string {
	c := fmt.Sprintf("go -C internal/bench run . -only %s -n %d", s.name, b.iterations)
	if b.short {
		c = fmt.Sprintf("go -C internal/bench run . -short -only %s", s.name)
	}
	if b.scale != 1 {
		c += fmt.Sprintf(" -scale %g", b.scale)
	}
	return c
}

// libraries are those whose versions matter.
var libraries = []struct{ path, name string }{
	{"modernc.org/sqlite", "modernc.org/sqlite"}, {"jackc/pgx/v5", "pgx"}, {"riverqueue/river", "River"},
	{"google/go-github/v84", "go-github"}, {"stripe/stripe-go/v85", "stripe-go"}, {"svix/svix-webhooks", "svix-webhooks"},
	{"standard-webhooks/standard-webhooks/libraries", "standard-webhooks"},
}

// machine says what it was measured on, and with which versions.
func (b *bench) machine() string {
	words := []string{fmt.Sprintf("%d cores of %s", runtime.NumCPU(), cpu())}
	if out, err := exec.Command("uname", "-sr").Output(); err == nil {
		words = append(words, strings.TrimSpace(string(out)))
	}
	words = append(words, strings.Replace(runtime.Version(), "go", "Go ", 1), b.serverVersion())
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			for _, l := range libraries {
				if strings.HasSuffix(m.Path, l.path) {
					words = append(words, l.name+" "+m.Version)
				}
			}
		}
	}
	return strings.Join(words, ", ")
}

func cpu() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for _, line := range strings.Split(string(text), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
