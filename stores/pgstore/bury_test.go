package pgstore_test

import (
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// A deleted endpoint's rows go in steps, however small these are, and so do those
// of an append that was under way then and ends after the last step.
func TestBuriedInSteps(t *testing.T) {
	t.Parallel()
	s, schema := openSchema(t)
	ctx, pool := t.Context(), newPool(t, 2)
	e := endpoint(t, s)
	emit(t, s, event(), event(), event(), event(), event())
	late, err := pool.Begin(ctx)
	check(t, err)
	emit(t, s.InTx(late), event(), event(), event())
	check(t, s.DeleteEndpoint(ctx, account, e.ID))
	left := func() int {
		return query[int](t, pool, schema, "SELECT (SELECT count(*) FROM {}.queue) + (SELECT count(*) FROM {}.lanes) + (SELECT count(*) FROM {}.graves)")
	}
	bury := func() {
		for n := 1; n > 0; {
			n, err = s.Purge(ctx, webhook.Ages{Pending: time.Hour, Bodies: time.Hour, Log: time.Hour}, 2)
			check(t, err)
		}
	}
	if left() == 0 {
		t.Fatal("there is nothing to bury")
	}
	bury()
	if n := left(); n > 0 {
		t.Errorf("%d rows were left", n)
	}
	check(t, late.Commit(ctx))
	_, _, err = s.Claim(ctx, 1, time.Minute) // which sweeps
	check(t, err)
	if left() == 0 {
		t.Fatal("the late append has left nothing to bury")
	}
	bury()
	if n := left(); n > 0 {
		t.Errorf("%d rows of a late append were left", n)
	}
}
