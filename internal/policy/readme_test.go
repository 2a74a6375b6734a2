package policy

import (
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the texts that people read.
var documents = append([]string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"}, pages()...)

func pages() []string {
	found, _ := filepath.Glob(filepath.Join(root, "docs", "*.md")) // the pattern is right
	for i, page := range found {
		found[i] = "docs/" + filepath.Base(page)
	}
	return found
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks returns the fenced blocks of a language.
func blocks(text, language string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

// The two commands that a newcomer runs are those that every change is
// checked with.
func TestREADMECommands(t *testing.T) {
	shell := blocks(read(t, "README.md"), "sh")
	if len(shell) == 0 {
		t.Fatal("README.md has no block of shell commands")
	}
	commands := strings.Split(strings.TrimSpace(shell[0]), "\n")
	if len(commands) != 2 {
		t.Fatalf("README.md begins with %q, want two commands", commands)
	}
	run := strings.Split(read(t, ".ci/run"), "\n")
	for _, c := range commands {
		if !slices.Contains(run, c) {
			t.Errorf("README.md says %q, and .ci/run has no such line", c)
		}
	}
}

// The programs in the README are formatted, build, and are short.
func TestREADMEPrograms(t *testing.T) {
	programs := blocks(read(t, "README.md"), "go")
	if len(programs) != 2 {
		t.Fatalf("README.md has %d Go programs, want one that emits and one that verifies", len(programs))
	}
	tree, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range programs {
		formatted, err := format.Source([]byte(text))
		if err != nil {
			t.Errorf("program %d: %v", i+1, err)
			continue
		}
		if string(formatted) != text {
			t.Errorf("program %d is not formatted by gofmt; want\n%s", i+1, formatted)
		}
		if _, body, _ := strings.Cut(text, "\nfunc main() {\n"); strings.Count(body, "\n") > 26 {
			t.Errorf("program %d is %d lines long without its imports, want about twenty", i+1, strings.Count(body, "\n"))
		}
		// An overlay lets the program be in the module without being in the tree.
		dir := t.TempDir()
		source := filepath.Join(dir, "main.go")
		pkg := fmt.Sprintf("internal/policy/readme%d", i+1)
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(tree, filepath.FromSlash(pkg), "main.go"): source}})
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{source: []byte(text), filepath.Join(dir, "overlay.json"): overlay} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		goCommand(t, "build", "-o", os.DevNull, "-overlay", filepath.Join(dir, "overlay.json"), "./"+pkg)
	}
	if receiver := programs[1]; !strings.Contains(receiver, module+"/verify\"") || strings.Contains(receiver, "\""+module+"\"") {
		t.Error("the second program must import package verify, and not the root")
	}
}

// Links within the tree lead somewhere.
func TestLinks(t *testing.T) {
	link, code := regexp.MustCompile(`\]\(([^)#\s]+)`), regexp.MustCompile("(?ms)^```.*?^```$")
	for _, name := range documents {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(read(t, name), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
}
