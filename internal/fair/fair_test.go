package fair

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

type sched = Scheduler[int]

// next starts a send and fails if it is not of lane want; 0 wants none.
func next(t *testing.T, s *sched, want int) *Ticket[int] {
	t.Helper()
	l, ticket, ok := s.Next()
	got := 0
	if ok {
		got = l.Value
	}
	if got != want {
		t.Fatalf("lane %d starts, want %d", got, want)
	}
	return ticket
}

func ready(s *sched, v int, host string, slow bool, n int) *Lane[int] {
	l := s.Add(v, host, slow)
	s.Ready(l, n)
	return l
}

func TestRoundRobin(t *testing.T) {
	s := New[int](Limits{Total: 100})
	ready(s, 1, "a", false, 3)
	ready(s, 2, "b", false, 1)
	ready(s, 3, "c", false, 2)
	for _, want := range []int{1, 2, 3, 1, 3, 1, 0} {
		next(t, s, want)
	}
}

func TestTotal(t *testing.T) {
	s := New[int](Limits{Total: 2})
	l := ready(s, 1, "a", false, 9)
	a := next(t, s, 1)
	next(t, s, 1)
	next(t, s, 0)
	if s.Free() != 0 || l.Running() != 2 || l.Waiting() != 7 {
		t.Error(s.Free(), l.Running(), l.Waiting())
	}
	s.Done(a)
	s.Done(a) // once only
	next(t, s, 1)
	next(t, s, 0)
}

func TestSlowBudget(t *testing.T) {
	s := New[int](Limits{Total: 8})
	ready(s, 1, "a", true, 9)
	ready(s, 2, "b", true, 9)
	a := next(t, s, 1)
	next(t, s, 2)
	next(t, s, 0) // a quarter of 8
	ready(s, 3, "c", false, 9)
	next(t, s, 3)
	s.Done(a)
	next(t, s, 3)
	next(t, s, 1) // the one that has waited longest
	next(t, s, 3)
}

func TestHostLimit(t *testing.T) {
	s := New[int](Limits{Total: 9, Slow: 1, PerHost: 1})
	ready(s, 1, "a", false, 2)
	ready(s, 2, "a", false, 2)
	ready(s, 3, "a", true, 2)
	ready(s, 4, "b", false, 1)
	x := next(t, s, 1)
	next(t, s, 4)
	next(t, s, 0)
	for _, want := range []int{2, 3, 1, 2, 3, 0} {
		s.Done(x)
		x = next(t, s, want)
	}
}

// A slow lane that waits for the slow budget keeps no slot of its host, and one
// that waits for its host keeps none of the slow budget.
func TestBothBudgets(t *testing.T) {
	s := New[int](Limits{Total: 9, Slow: 1, PerHost: 1})
	a := ready(s, 1, "a", true, 1)
	x := next(t, s, 1)
	ready(s, 2, "b", true, 1)
	ready(s, 3, "b", false, 1)
	y := next(t, s, 3)
	ready(s, 4, "c", true, 1)
	s.Done(x)
	next(t, s, 4)
	s.Done(y)
	next(t, s, 0)
	s.SetSlow(a, false)
	s.Ready(a, 1)
	next(t, s, 1)
}

func TestOverdue(t *testing.T) {
	s := New[int](Limits{Total: 2, Slow: 1})
	hangs := ready(s, 1, "a", false, 9)
	x, y := next(t, s, 1), next(t, s, 1)
	healthy := ready(s, 2, "b", false, 9)
	next(t, s, 0)
	s.Overdue(x)
	s.Overdue(x)
	if !hangs.Slow() {
		t.Error("its lane is not slow")
	}
	next(t, s, 2)
	next(t, s, 0)
	s.Overdue(y)
	next(t, s, 2)
	if s.Free() != 0 {
		t.Error("beyond twice the total")
	}
	s.Done(x)
	s.SetSlow(hangs, false)
	if s.Free() != 0 || healthy.Running() != 2 {
		t.Error("an overdue send freed a slot of Total twice")
	}
	s.Done(y)
	next(t, s, 0)
}

// A slow lane that had its place in the round loses it to an overdue send.
func TestOverdueTakesPlaces(t *testing.T) {
	s := New[int](Limits{Total: 2, Slow: 1})
	ready(s, 1, "a", false, 1)
	ready(s, 2, "b", false, 1)
	x := next(t, s, 1)
	next(t, s, 2)
	ready(s, 3, "c", true, 1)
	ready(s, 4, "d", true, 1)
	s.Overdue(x)
	next(t, s, 0)
	s.Done(x)
	s.Done(next(t, s, 4)) // its host asked first
	next(t, s, 3)
}

func TestRemove(t *testing.T) {
	s := New[int](Limits{Total: 9, PerHost: 1})
	a := ready(s, 1, "h", false, 5)
	b := ready(s, 2, "h", false, 5)
	s.Unready(a, 4)
	s.Unready(a, 100)
	s.Unready(a, -1)
	if a.Waiting() != 0 {
		t.Error(a.Waiting())
	}
	x := next(t, s, 2)
	s.Remove(b)
	s.Remove(b)
	s.Ready(b, 1)
	s.Remove(a)
	if b.Waiting() != 0 || b.Running() != 1 || len(s.hosts) != 1 {
		t.Error("a lane was removed with its sends in flight")
	}
	c := ready(s, 3, "h", false, 1)
	next(t, s, 0)
	s.Done(x)
	s.Done(next(t, s, 3))
	s.Remove(c)
	if len(s.hosts) != 0 || s.running != 0 || s.timely != 0 || s.slow != 0 || s.reserved != 0 {
		t.Errorf("something is left: %+v", s)
	}
}

// A healthy lane starts within one round, whatever the others do: hang, hoard a
// host, or be many.
func TestHealthyLaneStarts(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := New[int](Limits{Total: 16, PerHost: 4})
		sick := 1 + rng.IntN(100)
		for i := range sick {
			ready(s, 1+i, fmt.Sprint("sick", rng.IntN(50)), rng.IntN(2) == 0, 1000)
		}
		healthy := ready(s, 0, "healthy", false, 20)
		var flight []*Ticket[int]
		since := 0
		for healthy.Waiting() > 0 {
			l, ticket, ok := s.Next()
			switch {
			case !ok && len(flight) == 0:
				t.Fatalf("seed %d: stuck", seed)
			case !ok: // an overdue one, or the end of one
				i := rng.IntN(len(flight))
				s.Overdue(flight[i])
				if rng.IntN(2) == 0 {
					s.Done(flight[i])
					flight[i] = flight[len(flight)-1]
					flight = flight[:len(flight)-1]
				}
			case l == healthy:
				s.Done(ticket)
				since = 0
			default:
				flight = append(flight, ticket)
				if since++; since > sick {
					t.Fatalf("seed %d: %d other starts with %d other lanes", seed, since, sick)
				}
			}
		}
	}
}

// reference knows only the budgets and looks at every lane.
type reference struct {
	limits        Limits
	timely, total int
	slow          int
	host          map[string]int
}

func (r *reference) may(l *Lane[int]) bool {
	return l.Waiting() > 0 && r.timely < r.limits.Total && r.total < 2*r.limits.Total &&
		r.host[l.host.name] < r.limits.PerHost && (!l.Slow() || r.slow < r.limits.Slow)
}

// flight is a send as the reference counts it.
type flight struct {
	ticket        *Ticket[int]
	lane          *Lane[int]
	slow, overdue bool
}

// Whatever happens: nothing starts that no budget allows, nothing waits that all
// of them allow, and in the end everything was started and given back.
func TestAgainstReference(t *testing.T) {
	for seed := range uint64(10_000) {
		rng := rand.New(rand.NewPCG(seed, 2))
		limits := Limits{Total: 1 + rng.IntN(8), PerHost: 1 + rng.IntN(4)}
		limits.Slow = 1 + rng.IntN(limits.Total)
		s, r := New[int](limits), &reference{limits: limits, host: map[string]int{}}
		var lanes []*Lane[int]
		var flights []*flight
		want := 0 // sends that were made startable, and neither started nor taken back
		drain := func() {
			for {
				l, ticket, ok := s.Next()
				if !ok {
					break
				}
				f := &flight{ticket: ticket, lane: l, slow: l.Slow()}
				l.waiting++ // as it was before
				if !r.may(l) {
					t.Fatalf("seed %d: lane %d may not start: %+v", seed, l.Value, r)
				}
				l.waiting--
				want--
				flights = append(flights, f)
				r.timely++
				r.total++
				r.host[l.host.name]++
				if f.slow {
					r.slow++
				}
			}
			for _, l := range lanes {
				if r.may(l) {
					t.Fatalf("seed %d: lane %d waits for nothing: %+v", seed, l.Value, r)
				}
			}
		}
		done := func(i int) {
			f := flights[i]
			s.Done(f.ticket)
			flights = append(flights[:i], flights[i+1:]...)
			r.total--
			if !f.overdue {
				r.timely--
			}
			if f.slow {
				r.slow--
			}
			r.host[f.lane.host.name]--
		}
		for range 80 {
			op := rng.IntN(10)
			switch {
			case op == 0 || len(lanes) == 0:
				lanes = append(lanes, s.Add(len(lanes), fmt.Sprint(rng.IntN(4)), rng.IntN(3) == 0))
			case op <= 3:
				n := 1 + rng.IntN(4)
				s.Ready(lanes[rng.IntN(len(lanes))], n)
				want += n
			case op == 4:
				s.SetSlow(lanes[rng.IntN(len(lanes))], rng.IntN(2) == 0)
			case op == 5 && len(flights) > 0:
				f := flights[rng.IntN(len(flights))]
				s.Overdue(f.ticket)
				if !f.overdue {
					f.overdue = true
					r.timely--
					if !f.slow {
						f.slow = true
						r.slow++
					}
				}
			case op == 6 && rng.IntN(3) == 0:
				l := lanes[rng.IntN(len(lanes))]
				before := l.Waiting()
				s.Unready(l, rng.IntN(3))
				want -= before - l.Waiting()
			case op == 7 && rng.IntN(4) == 0:
				i := rng.IntN(len(lanes))
				want -= lanes[i].Waiting()
				s.Remove(lanes[i])
				lanes = append(lanes[:i], lanes[i+1:]...)
			case len(flights) > 0:
				done(rng.IntN(len(flights)))
			}
			if rng.IntN(3) > 0 {
				drain()
			}
		}
		for drain(); len(flights) > 0; drain() {
			done(rng.IntN(len(flights)))
		}
		for _, l := range lanes {
			s.Remove(l)
		}
		if want != 0 || s.running != 0 || s.timely != 0 || s.slow != 0 || s.reserved != 0 || s.round.Len() != 0 || len(s.hosts) != 0 {
			t.Fatalf("seed %d: %d never started, left %+v", seed, want, s)
		}
	}
}

// What is done per send does not grow with the number of lanes that are blocked.
func BenchmarkBlocked(b *testing.B) {
	for _, blocked := range []int{10, 100_000} {
		b.Run(fmt.Sprint(blocked), func(b *testing.B) {
			s := New[int](Limits{Total: 512, PerHost: 8})
			for i := range blocked {
				ready(s, i, fmt.Sprint("h", i%7), i%2 == 0, 1<<30)
			}
			ready(s, 0, "healthy", false, 1<<30)
			var flight []*Ticket[int]
			for {
				_, ticket, ok := s.Next()
				if !ok {
					break
				}
				flight = append(flight, ticket)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				s.Done(flight[i%len(flight)])
				_, flight[i%len(flight)], _ = s.Next()
				i++
			}
		})
	}
}

func TestTenure(t *testing.T) {
	since := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		sends  int
		held   time.Duration
		others bool
		want   bool
	}{
		{63, 249 * time.Millisecond, true, false},
		{64, 0, true, true},
		{0, 250 * time.Millisecond, true, true},
		{1000, time.Hour, false, false},
	} {
		if got := (Tenure{Since: since, Sends: c.sends}).Over(since.Add(c.held), c.others); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
