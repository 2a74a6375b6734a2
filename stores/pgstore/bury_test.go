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

// The attempts of a deleted endpoint go with their deliveries and not all at
// once: a step costs the same however many there are.
func TestAttemptsBuriedInSteps(t *testing.T) {
	t.Parallel()
	s, schema := openSchema(t)
	ctx, pool := t.Context(), newPool(t, 1)
	rows := func(table string) int { return query[int](t, pool, schema, "SELECT count(*) FROM {}."+table) }
	e := endpoint(t, s)
	for range 8 {
		emit(t, s, event())
	}
	for _, state := range []webhook.State{webhook.StatePending, webhook.StatePending, webhook.StateDead} {
		answer(t, s, state) // four of them: each has one attempt, and half have died of another one
	}
	check(t, s.DeleteEndpoint(ctx, account, e.ID))
	for n, left := 1, 8; n > 0; {
		if a, q, l := rows("attempts"), rows("queue"), rows("log"); a != left || q+l != left {
			t.Errorf("%d attempts are left, of %d deliveries that wait and %d that have ended, want %d", a, q, l, left)
		}
		var err error
		n, err = s.Purge(ctx, webhook.Ages{Pending: time.Hour, Bodies: time.Hour, Log: time.Hour}, 1)
		check(t, err)
		left = max(left-2, 0)
	}
	if n := rows("queue") + rows("log") + rows("attempts") + rows("graves"); n > 0 {
		t.Errorf("%d rows are left", n)
	}
}
