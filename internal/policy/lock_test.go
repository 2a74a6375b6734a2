package policy

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// npm takes what a lock file names from the registry that is configured: no
// address stands in it, and every package has its checksum.
func TestLockFilesNameNoRegistry(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case d.Name() != "package-lock.json":
			return nil
		}
		files++
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var lock struct {
			Packages map[string]struct {
				Resolved, Integrity string
				InBundle            bool
			}
		}
		if err := json.Unmarshal(text, &lock); err != nil {
			return err
		}
		for p, at := range lock.Packages {
			if at.Resolved != "" {
				t.Errorf("%s: %s is resolved to %s", name, p, at.Resolved)
			}
			if p != "" && at.Integrity == "" && !at.InBundle {
				t.Errorf("%s: %s has no checksum", name, p)
			}
		}
		npmrc, err := os.ReadFile(filepath.Join(filepath.Dir(name), ".npmrc"))
		if err != nil || !strings.Contains(string(npmrc), "omit-lockfile-registry-resolved=true\n") {
			t.Errorf("%s: the .npmrc beside it must have omit-lockfile-registry-resolved=true, %v", name, err)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d lock files were found, %v", files, err)
	}
}
