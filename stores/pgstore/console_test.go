package pgstore_test

import (
	"testing"

	"github.com/autoreach/webhook/internal/consolewalk"
)

// The customers' page works on this store.
func TestConsole(t *testing.T) {
	t.Parallel()
	s, _ := openSchema(t)
	consolewalk.Test(t, s)
}
