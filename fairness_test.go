package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// drip answers a byte every 100 ms, for ever.
func drip(_ int, w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write([]byte(".")); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		time.Sleep(100 * time.Millisecond)
	}
}

// dripHead never ends its headers: what a 2xx status line alone does not excuse.
func dripHead(_ int, w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	for _, err = conn.Write([]byte("HTTP/1.1 200 OK\r\nX-A: ")); err == nil; _, err = conn.Write([]byte(".")) {
		time.Sleep(100 * time.Millisecond)
	}
}

// TestFairness: whatever up to half of the endpoints do, the others get what
// they would get without them, and as fast.
func TestFairness(t *testing.T) {
	const crowd, total = 20, 64 // so 10 that hang could hold 40, more than their share
	type seen struct {
		p50, p99 time.Duration // of the endpoints that are well
		slots    int           // most requests that the others had in hand, once their first ones have timed out
	}
	halfMinute := func(t *testing.T, sick int, reply replyFunc, loud int) (out seen) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, webhook.Options{MaxInFlightTotal: total})
			var well, ill []*receiver
			for i := range crowd {
				answer := slow(10 * time.Millisecond)
				if i < sick && reply != nil {
					answer = reply
				}
				_, rc := w.endpoint(fmt.Sprintf("h%d.example.com", i), func(e *webhook.Endpoint) {
					if i < loud {
						e.Events = []webhook.EventType{events.LeadCreated}
					}
				}, answer)
				if i < max(sick, loud) {
					ill = append(ill, rc)
				} else {
					well = append(well, rc)
				}
			}
			w.run()
			var emitted []time.Time
			for range 300 {
				emitted = append(emitted, time.Now())
				w.emit(1)
				if loud > 0 {
					w.emitOf(50, account, events.LeadCreated, events.LeadCreatedData{})
				}
				time.Sleep(100 * time.Millisecond)
				if time.Since(w.began) > 20*time.Second {
					n := 0
					for _, rc := range ill {
						n += rc.inHand()
					}
					out.slots = max(out.slots, n)
				}
			}
			var waits []time.Duration
			for _, rc := range well {
				got := rc.requests()
				require.Len(t, got, len(emitted), "all of them, while the others are ill")
				slices.SortFunc(got, func(a, b request) int { return a.at.Compare(b.at) })
				for i, r := range got {
					waits = append(waits, r.at.Sub(emitted[i]))
				}
			}
			slices.Sort(waits)
			out.p50, out.p99 = waits[len(waits)/2], waits[len(waits)*99/100]
			require.NoError(t, w.stop())
			time.Sleep(time.Minute) // those that drip notice
		})
		return out
	}
	for _, c := range []struct {
		name  string
		sick  int
		reply replyFunc
		loud  int // endpoints that get 50 times as much

		delivered bool // what they do is no failure, and they are not sick
	}{
		{name: "one hangs", sick: 1, reply: hang},
		{name: "a tenth hangs", sick: 2, reply: hang},
		{name: "half hang", sick: 10, reply: hang},
		{name: "half are slow", sick: 10, reply: slow(4 * time.Second)},
		{name: "half drip a body", sick: 10, reply: drip, delivered: true},
		{name: "half drip a header", sick: 10, reply: dripHead},
		{name: "half fail at once", sick: 10, reply: status(500)},
		{name: "half ask to be left alone", sick: 10, reply: status(429)},
		{name: "one gets 50 times as much", sick: 1, loud: 1, delivered: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			quiet, noisy := halfMinute(t, c.sick, nil, 0), halfMinute(t, c.sick, c.reply, c.loud)
			t.Logf("p50 %v, p99 %v; without them %v, %v; slots %d", noisy.p50, noisy.p99, quiet.p50, quiet.p99, noisy.slots)
			const moment = 10 * time.Millisecond // of one answer: time stands still for what is computed
			require.LessOrEqual(t, noisy.p50, quiet.p50+quiet.p50/5+moment)
			require.LessOrEqual(t, noisy.p99, quiet.p99+quiet.p99/5+moment)
			if c.delivered {
				return
			}
			require.LessOrEqual(t, noisy.slots, total/4, "the share of those that are not well")
		})
	}
}

// TestSlowTurns: endpoints that are slow to answer, and have much to get, leave room
// for others that are slow, and take turns where they are more than their slots.
func TestSlowTurns(t *testing.T) {
	for _, c := range []struct {
		busy   int
		within time.Duration // the longest that the other waited
	}{
		{busy: 4, within: 10 * time.Millisecond}, // four at a time: as many as the share has slots
		{busy: 16, within: 30 * time.Second},
		{busy: 30, within: 2 * time.Minute},
	} {
		t.Run(fmt.Sprint(c.busy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{MaxInFlightTotal: 64})
				var busy []*receiver
				for i := range c.busy {
					_, rc := w.endpoint(fmt.Sprintf("h%d.example.com", i), func(e *webhook.Endpoint) {
						e.Events = []webhook.EventType{events.LeadCreated}
					}, slow(3*time.Second))
					busy = append(busy, rc)
				}
				_, other := w.endpoint("other.example.com", nil, slow(3*time.Second))
				w.run()
				w.emit(1)
				time.Sleep(10 * time.Second)
				w.emitOf(3000, account, events.LeadCreated, events.LeadCreatedData{})
				time.Sleep(20 * time.Second)
				var emitted []time.Time
				for range 30 {
					emitted = append(emitted, time.Now())
					w.emit(1)
					time.Sleep(10 * time.Second)
				}
				time.Sleep(2 * time.Minute)
				got := other.requests()[1:]
				require.Equal(t, len(emitted), len(got))
				var longest time.Duration
				for i, r := range got {
					longest = max(longest, r.at.Sub(emitted[i]))
				}
				least, most := busy[0].count(), busy[0].count()
				for _, rc := range busy {
					least, most = min(least, rc.count()), max(most, rc.count())
				}
				t.Logf("the longest wait %v; the others got %d to %d", longest, least, most)
				require.LessOrEqual(t, longest, c.within)
				require.LessOrEqual(t, most, 2*least, "they get about as much each")
				require.GreaterOrEqual(t, least*c.busy, 100*min(16, 4*c.busy)*3/4, "and the slots are used")
			})
		})
	}
}

// TestSlowTurnsBesideAFullHost: also while so many wait for one host that whoever finds
// no slot rests for long.
func TestSlowTurnsBesideAFullHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{MaxInFlightTotal: 64, MaxInFlightHost: 4})
		for i := range 16 {
			w.endpoint(fmt.Sprintf("h%d.example.com", i), func(e *webhook.Endpoint) {
				e.Events = []webhook.EventType{events.LeadCreated}
			}, slow(3*time.Second))
		}
		w.net.Handle("zap.example.com", &receiver{reply: slow(1900 * time.Millisecond)})
		for i := range 400 {
			_, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: account, Name: "n",
				URL: fmt.Sprintf("https://zap.example.com/%d", i), Events: []webhook.EventType{events.MeetingBooked}})
			require.NoError(t, err)
		}
		_, other := w.endpoint("other.example.com", nil, slow(3*time.Second))
		w.run()
		w.emit(1)
		time.Sleep(10 * time.Second)
		w.emitOf(1000, account, events.LeadCreated, events.LeadCreatedData{})
		w.emitOf(5, account, events.MeetingBooked, events.MeetingBookedData{})
		time.Sleep(time.Minute) // rests have grown
		var longest time.Duration
		for range 5 {
			before, at := other.count(), time.Now()
			w.emit(1)
			for other.count() == before && time.Since(at) < 5*time.Minute {
				time.Sleep(100 * time.Millisecond)
			}
			longest = max(longest, time.Since(at))
		}
		t.Logf("the longest wait %v", longest)
		require.Less(t, longest, time.Minute)
	})
}

// TestRevived: an endpoint comes back for which thousands of deliveries wait. It
// gets them at a pace that never exceeds its limit, and nobody waits for it.
func TestRevived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const waiting = 3000
		w := newWorld(t, webhook.Options{})
		e, back := w.endpoint("back.example.com", func(e *webhook.Endpoint) { e.Events = []webhook.EventType{events.LeadCreated} }, hang)
		_, other := w.endpoint("other.example.com", nil, slow(10*time.Millisecond))
		w.run()
		w.emitOf(waiting, account, events.LeadCreated, events.LeadCreatedData{})
		time.Sleep(time.Hour)
		require.Less(t, back.count(), 100, "it is only probed")
		answered := time.Now()
		back.set(slow(10 * time.Millisecond))
		began := len(back.requests())
		for w.record(e).Pending > 0 {
			before := other.count()
			emitted := time.Now()
			w.emit(1)
			time.Sleep(time.Second)
			got := other.requests()
			require.Len(t, got, before+1)
			require.Less(t, got[before].at.Sub(emitted), 50*time.Millisecond, "nobody waits for it")
			require.Less(t, time.Since(answered), 30*time.Minute)
		}
		seconds := map[int]int{}
		for _, r := range back.requests()[began:] {
			seconds[int(r.at.Sub(answered)/time.Second)]++
		}
		for s, n := range seconds {
			require.LessOrEqual(t, n, 400, "4 at a time of 10 ms each, in second %d", s)
		}
		require.LessOrEqual(t, back.atMost(), 4)
	})
}

// slowSettle is a store that takes a second for each step of settling.
type slowSettle struct{ *webhook.MemoryStore }

func (s slowSettle) Settle(ctx context.Context, o []webhook.Outcome, r []webhook.Return) (webhook.Settled, error) {
	time.Sleep(time.Second)
	return s.MemoryStore.Settle(ctx, o, r)
}

// A store that settles more slowly than endpoints answer has always more to
// settle than fits into one step. What is given back does not wait for the end
// of that.
func TestReturnsWhileMuchIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Lease: 5 * time.Minute})
		var err error
		w.d, err = webhook.New(slowSettle{w.store}, &w.opts)
		require.NoError(t, err)
		for i := range 40 {
			w.endpoint(fmt.Sprintf("h%d.example.com", i), func(e *webhook.Endpoint) { e.Events = []webhook.EventType{events.LeadCreated} }, nil)
		}
		_, quiet := w.endpoint("quiet.example.com", nil, nil)
		w.emitOf(300, account, events.LeadCreated, events.LeadCreatedData{})
		w.run()
		w.emit(1)
		time.Sleep(4500 * time.Millisecond) // what came of it is settled
		require.Len(t, quiet.requests(), 1)
		w.emit(1)
		time.Sleep(4 * time.Second)
		require.Len(t, quiet.requests(), 2)
		st, err := w.d.Stats(t.Context())
		require.NoError(t, err)
		require.Greater(t, st.Pending, 1000, "the test is over before it begins")
	})
}

// An endpoint that asks for a pause gets it, also where another request of its
// goes on for so long that the lane would have been kept for its sake.
func TestPauseOutlastsAnOverdueRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{MaxInFlightTotal: 16})
		for i := range 30 { // more than there are slots for
			w.endpoint(fmt.Sprintf("h%d.example.com", i), func(e *webhook.Endpoint) { e.Events = []webhook.EventType{events.LeadCreated} }, slow(200*time.Millisecond))
		}
		_, rc := w.endpoint("busy.example.com", nil, slow(10*time.Millisecond))
		w.emit(400)
		w.run()
		time.Sleep(300 * time.Millisecond) // four at a time
		var asked atomic.Int32
		rc.set(func(n int, rw http.ResponseWriter, r *http.Request) {
			switch asked.Add(1) {
			case 1:
				time.Sleep(time.Second)
				rw.Header().Set("Retry-After", "3600")
				rw.WriteHeader(http.StatusTooManyRequests)
			case 2:
				slow(10*time.Second)(n, rw, r)
			case 3, 4:
				slow(900*time.Millisecond)(n, rw, r)
			}
		})
		time.Sleep(100 * time.Millisecond)
		require.Equal(t, int32(4), asked.Load())
		w.emitOf(100, account, events.LeadCreated, events.LeadCreatedData{})
		time.Sleep(300 * time.Millisecond)
		w.pause(webhook.Pause{Type: events.MeetingBooked}) // it looks at all its lanes: this one was held for long enough
		time.Sleep(8 * time.Second)
		require.Equal(t, int32(4), asked.Load())
		time.Sleep(30 * time.Minute)
		require.Equal(t, int32(4), asked.Load())
		time.Sleep(31 * time.Minute)
		require.Greater(t, asked.Load(), int32(4))
	})
}
