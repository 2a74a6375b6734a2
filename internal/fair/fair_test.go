package fair

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func take(t *testing.T, b *Budget, n int, host string, c Class) []*Ticket {
	t.Helper()
	var out []*Ticket
	for i := range n {
		ticket, ok := b.Take(strings.ReplaceAll(host, "#", fmt.Sprint(i)), c, true)
		require.True(t, ok, "slot %d", i)
		out = append(out, ticket)
	}
	return out
}

func refused(t *testing.T, b *Budget, host string, c Class) {
	t.Helper()
	_, ok := b.Take(host, c, true)
	require.False(t, ok)
}

func TestSlowShare(t *testing.T) {
	b := New(Limits{Total: 8, PerHost: 8})
	held := take(t, b, 2, "s#", Slow)
	require.True(t, b.Strained())
	refused(t, b, "s", Slow)
	take(t, b, 6, "p#", Proven)
	refused(t, b, "p", Proven)
	b.Done(held[0])
	b.Second()
	require.True(t, b.Strained(), "one was refused a slot within two seconds")
	b.Second()
	require.False(t, b.Strained())
	take(t, b, 1, "s#", Slow)
}

// TestFirstSlowShare: of the slow share, too.
func TestFirstSlowShare(t *testing.T) {
	b := New(Limits{Total: 128, PerHost: 128})
	for range 30 {
		_, ok := b.Take("s", Slow, false)
		require.True(t, ok)
	}
	_, ok := b.Take("s", Slow, false)
	require.False(t, ok)
	take(t, b, 2, "s#", Slow)
	refused(t, b, "s", Slow)
}

func TestFreshShare(t *testing.T) {
	b := New(Limits{Total: 8, PerHost: 8})
	for _, x := range take(t, b, 8, "f#", Fresh) { // when nothing is wrong they are like others
		b.Done(x)
	}
	take(t, b, 2, "s#", Slow)
	take(t, b, 2, "f#", Fresh)
	refused(t, b, "f", Fresh)
	take(t, b, 4, "p#", Proven)
}

func TestPerHost(t *testing.T) {
	b := New(Limits{Total: 8, PerHost: 2})
	held := take(t, b, 2, "h", Proven)
	refused(t, b, "h", Proven)
	take(t, b, 2, "other", Proven)
	b.Overdue(held[0])
	refused(t, b, "h", Proven) // it is still on its way
	b.Done(held[0])
	b.Done(held[0]) // twice does no harm
	take(t, b, 1, "h", Proven)
	refused(t, b, "h", Proven)
}

// TestFirstShare: an endpoint with none gets one where others have all they may
// have.
func TestFirstShare(t *testing.T) {
	b := New(Limits{Total: 64, PerHost: 32})
	more := func(host string) int {
		for n := 0; ; n++ {
			if _, ok := b.Take(host, Proven, false); !ok {
				return n
			}
		}
	}
	require.Equal(t, 30, more("h"))
	take(t, b, 2, "h", Proven)
	refused(t, b, "h", Proven)
	require.Equal(t, 28, more("a")+more("b"))
	take(t, b, 4, "h#", Proven)
	require.Zero(t, b.Free())
}

// TestSuddenlyHanging: endpoints that were well hang all at once.
func TestSuddenlyHanging(t *testing.T) {
	b := New(Limits{Total: 8, PerHost: 100})
	for range overdueTotals - 1 {
		for _, x := range take(t, b, 8, "p#", Proven) {
			b.Overdue(x)
			b.Overdue(x)
		}
		require.Equal(t, 8, b.Free(), "others go on")
		require.True(t, b.Strained())
		refused(t, b, "s", Slow)
		refused(t, b, "f", Fresh)
	}
	take(t, b, 8, "p#", Proven)
	require.Zero(t, b.Free())
	refused(t, b, "p", Proven) // memory is bounded
}

// TestFreshHangingLeaveRoom: whatever new endpoints do, those that are well
// have their slots.
func TestFreshHangingLeaveRoom(t *testing.T) {
	b := New(Limits{Total: 8, PerHost: 1000})
	for range 1000 {
		if x, ok := b.Take("f", Fresh, true); ok {
			b.Overdue(x)
		}
	}
	require.Equal(t, 8, b.Free())
	take(t, b, 8, "p#", Proven)
}

// TestNothingLeaks: over any sequence the counts stay within the limits, and
// everything is free again at the end.
func TestNothingLeaks(t *testing.T) {
	for seed := range uint64(10_000) {
		r := rand.New(rand.NewPCG(seed, 1))
		limits := Limits{Total: 1 + r.IntN(10), PerHost: 1 + r.IntN(5)}
		b := New(limits)
		var held []*Ticket
		for range 60 {
			switch x := r.IntN(10); {
			case x < 6:
				if ticket, ok := b.Take(fmt.Sprint(r.IntN(3)), Class(r.IntN(int(classes))), r.IntN(2) == 0); ok {
					held = append(held, ticket)
				}
			case len(held) == 0:
			case x < 8:
				b.Overdue(held[r.IntN(len(held))])
			default:
				i := r.IntN(len(held))
				b.Done(held[i])
				b.Overdue(held[i])
				held = append(held[:i], held[i+1:]...)
			}
			onTime := 0
			hosts := map[string]int{}
			for _, h := range held {
				hosts[h.host]++
				if !h.overdue {
					onTime++
				}
			}
			if onTime != b.timely || onTime > limits.Total || len(held) > overdueTotals*limits.Total || !maps.Equal(hosts, b.hosts) {
				t.Fatalf("seed %d: %d on time, %d held, %v by host; the budget %+v", seed, onTime, len(held), hosts, b)
			}
			for host, n := range hosts {
				if n > limits.PerHost {
					t.Fatalf("seed %d: %d to host %s, the limit is %d", seed, n, host, limits.PerHost)
				}
			}
		}
		for _, h := range held {
			b.Done(h)
		}
		require.Equal(t, limits.Total, b.Free())
		require.Equal(t, [classes]int{}, b.class)
		require.Empty(t, b.hosts)
	}
}

func TestTenure(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		t      Tenure
		after  time.Duration
		others bool
		over   bool
	}{
		{Tenure{now, 63}, TenureTime - 1, true, false},
		{Tenure{now, 64}, 0, true, true},
		{Tenure{now, 0}, TenureTime, true, true},
		{Tenure{now, 1000}, time.Hour, false, false},
	} {
		require.Equal(t, c.over, c.t.Over(now.Add(c.after), c.others))
	}
}
