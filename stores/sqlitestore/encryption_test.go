package sqlitestore

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/internal/atrest"
)

// With keys nothing that is to be encrypted is in any column of any table, nor
// among the bytes of the file.
func TestEncryptionAtRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	s := openAt(t, path)
	atrest.Subject{
		Store: s,
		InTx: func(f func(webhook.Tx)) {
			inTx(t, s.db, func(tx webhook.Tx) bool { f(tx); return true })
		},
		Holds: func(text string) []string {
			found := columnsWith(t, s.db, text)
			check[sql.Result](t)(s.db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`))
			for _, end := range []string{"", "-wal"} {
				if n := bytes.Count(check[[]byte](t)(os.ReadFile(path+end)), []byte(text)); n > 0 {
					found = append(found, fmt.Sprintf("the file webhooks.db%s (%d)", end, n))
				}
			}
			return found
		},
		Columns: []string{"webhook_endpoints.config", "webhook_events.body", "webhook_attempts.response", "the file webhooks.db"},
	}.Test(t)
}
