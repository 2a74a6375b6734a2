package sqlitestore

import (
	"path/filepath"
	"testing"

	"github.com/autoreach/webhook/internal/consolewalk"
)

// The customers' page works on this store.
func TestConsole(t *testing.T) {
	consolewalk.Test(t, openAt(t, filepath.Join(t.TempDir(), "webhooks.db")))
}
