package handles

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Pools and databases are refused by the compiler: an emit through one would
// be part of no transaction, and nobody would notice.
func TestRefused(t *testing.T) {
	const file = "testdata/refused/refused.go"
	code, err := os.ReadFile(file)
	check(t, err)
	out, err := exec.Command("go", "build", "-gcflags=-e", "./testdata/refused").CombinedOutput()
	if err == nil {
		t.Fatal("everything is let through")
	}
	errors := map[int]string{}
	for _, m := range regexp.MustCompile(`(?m)refused\.go:(\d+):\d+: (.*)$`).FindAllStringSubmatch(string(out), -1) {
		line, err := strconv.Atoi(m[1])
		check(t, err)
		errors[line] = m[2]
	}
	if len(errors) == 0 {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for i, line := range strings.Split(string(code), "\n") {
		refused := errors[i+1] != ""
		if want := strings.Contains(line, "// refused"); refused != want {
			t.Errorf("line %d, %s: refused is %v (%s), want %v", i+1, strings.TrimSpace(line), refused, errors[i+1], want)
		}
	}
}
