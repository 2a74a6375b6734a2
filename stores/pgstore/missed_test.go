package pgstore_test

import (
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// What endpoints missed is added to their health in one Purge, however small its
// steps and however many rows each endpoint has.
func TestMissedFolded(t *testing.T) {
	t.Parallel()
	s, schema := openSchema(t)
	ctx, pool := t.Context(), newPool(t, 1)
	const lanes, each = 5, 7
	for range lanes {
		endpoint(t, s, func(e *webhook.Endpoint) { e.Enabled, e.DisabledBy = false, webhook.DisabledByEngine })
	}
	for range each {
		emit(t, s, event())
	}
	if n := query[int](t, pool, schema, "SELECT count(*) FROM {}.missed"); n != lanes*each {
		t.Fatalf("%d rows were written, want one for each event and endpoint", n)
	}
	_, err := s.Purge(ctx, webhook.Ages{Pending: time.Hour, Bodies: time.Hour, Log: time.Hour}, 2)
	check(t, err)
	if n := query[int](t, pool, schema, "SELECT count(*) FROM {}.missed"); n > 0 {
		t.Errorf("%d rows are left", n)
	}
	if n := query[int](t, pool, schema, "SELECT count(*) FROM {}.health WHERE undelivered = $1", each); n != lanes {
		t.Errorf("the health of %d endpoints has what they missed, want %d", n, lanes)
	}
}
