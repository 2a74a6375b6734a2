package sim

import (
	"testing"
	"time"
)

// TestSlowed: what the judges forgive in real time is what was slow, once, and
// nothing in a bubble.
func TestSlowed(t *testing.T) {
	at := func(s float64) time.Time { return time.Unix(0, int64(s*1e9)) }
	w := &world{plan: &Plan{Lag: time.Second}}
	for _, s := range [][2]float64{{20, 21}, {1, 3}, {2, 4}, {2.5, 3}, {9, 12}} {
		w.troubles = append(w.troubles, trouble{nil, span{at(s[0]), at(s[1])}})
	}
	for _, c := range []struct{ from, to, want float64 }{
		{0, 30, 3 + 3 + 1}, {0, 1, 0}, {2, 10, 2 + 1}, {4, 9, 0}, {10, 11, 1}, {30, 40, 0},
	} {
		if got := w.slowed(at(c.from), at(c.to)).Seconds(); got != c.want {
			t.Errorf("from %v to %v: %v s, want %v", c.from, c.to, got, c.want)
		}
	}
	w.plan.Lag = 0
	if got := w.slowed(at(0), at(30)); got != 0 {
		t.Errorf("in a bubble: %v", got)
	}
}
