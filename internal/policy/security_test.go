package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every row of the threat tables in SECURITY.md names tests, and the files that
// it names have them.
func TestSECURITYTests(t *testing.T) {
	proof := regexp.MustCompile(`\[((?:Test|Fuzz)[A-Za-z0-9_]+)\]\(([^)]+_test\.go)\)`)
	files, rows := map[string]string{}, 0
	for line := range strings.Lines(read(t, "SECURITY.md")) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| ") || line == "| Threat | Defence | Proof |" {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 3 {
			t.Errorf("SECURITY.md: %d cells, want threat, defence and proof: %s", len(cells), line)
			continue
		}
		tests := proof.FindAllStringSubmatch(cells[2], -1)
		if len(tests) == 0 || len(tests) != strings.Count(cells[2], "](") {
			t.Errorf("SECURITY.md: want [TestName](file_test.go) and nothing else as the proof: %s", line)
		}
		for _, m := range tests {
			name, file := m[1], m[2]
			if _, known := files[file]; !known {
				source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
				if err != nil {
					t.Errorf("SECURITY.md names %s: %v", name, err)
				}
				files[file] = string(source)
			}
			if !strings.Contains(files[file], "\nfunc "+name+"(") {
				t.Errorf("SECURITY.md names %s, which %s does not have", name, file)
			}
		}
	}
	if rows < 30 {
		t.Errorf("SECURITY.md has %d rows about threats: the reading is broken", rows)
	}
}
