package pgstore_test

import (
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// While all is paused nobody claims: Purge takes the wakes then, which loses
// nothing and is none of what it has changed.
func TestPurgeTakesWakes(t *testing.T) {
	t.Parallel()
	s, schema := openSchema(t)
	ctx, pool := t.Context(), newPool(t, 1)
	e := endpoint(t, s)
	emit(t, s, event())
	_, err := pool.Exec(ctx, "INSERT INTO "+schema+".wakes (lane, at) SELECT lane, now() FROM "+schema+".lanes, generate_series(1, 5000)")
	check(t, err)
	n, err := s.Purge(ctx, webhook.Ages{Pending: time.Hour, Bodies: time.Hour, Log: time.Hour}, 100)
	if n != 0 || err != nil {
		t.Errorf("Purge changed %d, %v; want 0: there is nothing old", n, err)
	}
	if n := query[int](t, pool, schema, "SELECT count(*) FROM {}.wakes"); n > 0 {
		t.Errorf("%d wakes are left", n)
	}
	claims, _, err := s.Claim(ctx, 10, time.Minute)
	check(t, err)
	if len(claims) != 1 || claims[0].Endpoint != e.ID {
		t.Errorf("claimed are %v, want the lane in which something waits", claims)
	}
}
