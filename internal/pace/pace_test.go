package pace

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

var (
	start  = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	limits = Limits{MaxInFlight: 4}
)

func ok(p *Pace)             { p.Sent(start, limits); p.Done(Result{OK: true}) }
func fail(p *Pace, id int64) { p.Sent(start, limits); p.Done(Result{Delivery: id}) }
func throttle(p *Pace, after time.Duration) {
	p.Sent(start, limits)
	p.Done(Result{Delivery: 1, Throttled: true, RetryAfter: after})
}

func opened() *Pace {
	p := new(Pace)
	for id := range int64(Threshold) {
		fail(p, id)
	}
	return p
}

func TestCap(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
		steps  string // s success, f failure
		want   int
	}{
		{"new", Limits{MaxInFlight: 4}, "", 2},
		{"no limits given", Limits{}, "", 1},
		{"limit below the start", Limits{MaxInFlight: 1}, "sss", 1},
		{"half a window", Limits{MaxInFlight: 4}, "s", 2},
		{"a window", Limits{MaxInFlight: 4}, "ss", 3},
		{"almost two", Limits{MaxInFlight: 9}, "ssssf", 1},
		{"two windows", Limits{MaxInFlight: 9}, "sssss", 4},
		{"at the limit", Limits{MaxInFlight: 4}, "ssssssssssssssssssssssssssssss", 4},
		{"halved", Limits{MaxInFlight: 4}, "ssssssssssssssssssssssssssssssf", 2},
		{"never below 1", Limits{MaxInFlight: 4}, "ffff", 1},
		{"grows back", Limits{MaxInFlight: 4}, "ffffs", 2},
		{"FIFO", Limits{MaxInFlight: 4, FIFO: true}, "ssssssss", 1},
	} {
		p := new(Pace)
		for i, s := range c.steps {
			p.Sent(start, c.limits)
			p.Done(Result{Delivery: int64(i), OK: s == 's'})
		}
		if got := p.Cap(c.limits); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestBreaker(t *testing.T) {
	p := new(Pace)
	for range 100 {
		for id := range int64(Threshold - 1) {
			fail(p, id)
		}
	}
	if p.Open() || p.Probe() != 0 {
		t.Fatal("open after 7 deliveries")
	}
	ok(p)
	for id := range int64(Threshold - 1) {
		fail(p, 100+id)
	}
	if p.Open() {
		t.Fatal("open though a success came between")
	}
	fail(p, 7)
	if !p.Open() || p.Cap(limits) != 1 || !p.Slow() {
		t.Fatal("closed after 8 deliveries")
	}
	p.setWindow(500) // as a very wide window leaves it
	if p.Cap(Limits{MaxInFlight: 1000}) != 1 {
		t.Error("more than a probe")
	}
	p.Done(Result{Delivery: 3}) // was in flight when it opened
	for _, want := range []time.Duration{30, 60, 120, 240, 480, 600, 600, 600} {
		if got := p.Probe(); got != want*time.Second {
			t.Errorf("probe after %v, want %v s", got, want)
		}
		fail(p, 1)
	}
	ok(p)
	if p.Marshal() == nil {
		t.Error("it is taken for one of which nothing is known")
	}
	if p.Open() || p.Probe() != 0 || p.Cap(limits) != 2 || p.Slow() {
		t.Error("a success did not close it")
	}
	for id := range int64(Threshold) {
		fail(p, id)
	}
	if got := p.Probe(); got != 30*time.Second {
		t.Error("second time: probe after", got)
	}
}

func TestRampAfterBreaker(t *testing.T) {
	p := new(Pace)
	for range 100 {
		p.Sent(start, Limits{MaxInFlight: 1000})
		p.Done(Result{OK: true})
	}
	before := p.Cap(Limits{MaxInFlight: 1000})
	for id := range int64(Threshold) {
		fail(p, id)
	}
	ok(p)
	if got := p.Cap(Limits{MaxInFlight: 1000}); before < 10 || got != 2 {
		t.Errorf("from %d to %d, want 2", before, got)
	}
}

func TestPause(t *testing.T) {
	p := new(Pace)
	take := func(want time.Duration) {
		t.Helper()
		if got := p.TakePause(); got != want {
			t.Errorf("%v, want %v", got, want)
		}
		if got := p.TakePause(); got != 0 {
			t.Errorf("taken twice: %v", got)
		}
	}
	take(0)
	fail(p, 1)
	take(0)
	p.Done(Result{RetryAfter: time.Minute}) // delays that delivery only
	take(0)
	for _, s := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		throttle(p, 0)
		take(s * time.Second)
	}
	throttle(p, time.Minute)
	take(time.Minute)
	throttle(p, 0)
	take(30 * time.Second)
	ok(p)
	throttle(p, 0)
	take(time.Second)
	throttle(p, 100*time.Hour)
	take(MaxPause)

	// One burst is one throttle, with the longest wish.
	ok(p)
	throttle(p, 0)
	p.Done(Result{Throttled: true})
	take(time.Second)
	p.Done(Result{Throttled: true, RetryAfter: 9 * time.Second})
	p.Done(Result{Throttled: true, RetryAfter: 5 * time.Second})
	p.Done(Result{OK: true}) // of the same burst: recalls nothing
	take(9 * time.Second)

	// A success of a later send does.
	throttle(p, time.Hour)
	ok(p)
	take(0)
}

func TestSlow(t *testing.T) {
	p := new(Pace)
	for i, step := range []struct {
		result Result
		want   bool
	}{
		{Result{OK: true, Took: SlowAfter}, false},
		{Result{OK: true, Took: SlowAfter + 1}, true},
		{Result{OK: true, Took: 1}, false},
		{Result{}, false}, {Result{}, false}, {Result{}, true},
		{Result{OK: true}, false},
	} {
		p.Done(step.result)
		if p.Slow() != step.want {
			t.Errorf("step %d: slow %v", i, p.Slow())
		}
	}
}

// In any stretch of time there are no more sends than the rate, a tenth of a
// second's burst and one, and a busy lane reaches its rate, with late timers too.
func TestRate(t *testing.T) {
	for _, rate := range []float64{0.01, 0.5, 1, 3, 10, 11, 50, 999, 1e5} {
		l := Limits{MaxInFlight: 4, PerSecond: rate}
		rng := rand.New(rand.NewPCG(1, uint64(rate*100)))
		p, now := new(Pace), start
		var sent []time.Time
		for len(sent) < 500 {
			if wait := p.Wait(now, l); wait > 0 {
				now = now.Add(wait + time.Duration(rng.Int64N(int64(50*time.Millisecond))))
				continue
			}
			p.Sent(now, l)
			sent = append(sent, now)
		}
		burst := max(0, 0.1*rate-1)
		for i := range sent {
			for j := i; j < len(sent); j++ {
				if most := 1.0001 + burst + rate*sent[j].Sub(sent[i]).Seconds(); float64(j-i+1) > most {
					t.Fatalf("rate %v: %d sends within %v", rate, j-i+1, sent[j].Sub(sent[i]))
				}
			}
		}
		if got := 499 / now.Sub(start).Seconds(); rate >= 50 && rate <= 999 && got < 0.9*rate || got < 0.6*min(rate, 10) {
			t.Errorf("rate %v: only %v", rate, got)
		}
	}
}

func TestRateEdges(t *testing.T) {
	for _, none := range []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64} {
		p := new(Pace)
		for range 10 {
			if p.Wait(start, Limits{PerSecond: none}) != 0 {
				t.Error("limited by", none)
			}
			p.Sent(start, Limits{PerSecond: none})
		}
	}
	p, slow, fast := new(Pace), Limits{PerSecond: math.SmallestNonzeroFloat64}, Limits{PerSecond: 10}
	p.Sent(start, slow)
	if got := p.Wait(start, slow); got != 24*time.Hour {
		t.Error("slowest rate:", got)
	}
	if got := p.Wait(start, fast); got != 100*time.Millisecond {
		t.Error("an edited limit counts at once:", got)
	}
	if got := p.Wait(start.Add(100*time.Millisecond), fast); got != 0 {
		t.Error("and passes:", got)
	}
	if got := p.Wait(start.Add(-time.Hour), fast); got != 100*time.Millisecond {
		t.Error("a clock set back:", got)
	}
	// A new holder has one token, not a burst.
	l := Limits{PerSecond: 1000}
	p = new(Pace)
	p.Sent(start, l)
	if got := p.Wait(start, l); got != time.Millisecond {
		t.Error("the bucket was full at first:", got)
	}
}

// model is what Pace promises, told from the whole history.
type model struct {
	different map[int64]bool
	open      bool
}

func (m *model) done(r Result) {
	if r.OK {
		m.different, m.open = nil, false
		return
	}
	if m.different == nil {
		m.different = map[int64]bool{}
	}
	m.different[r.Delivery] = true
	m.open = m.open || len(m.different) >= 8
}

func TestProperties(t *testing.T) {
	for seed := range uint64(10_000) {
		rng := rand.New(rand.NewPCG(seed, 0))
		l := Limits{MaxInFlight: rng.IntN(10), FIFO: rng.IntN(8) == 0, PerSecond: float64(rng.IntN(3))}
		deliveries, luck := rng.Int64N(20)+1, rng.Float64()
		p, m, now := new(Pace), model{}, start
		for step := range 60 {
			before := *p
			r := Result{Delivery: rng.Int64N(deliveries), OK: rng.Float64() < luck, Took: time.Duration(rng.Int64N(int64(4 * time.Second)))}
			if !r.OK && rng.IntN(2) == 0 {
				r.Throttled, r.RetryAfter = true, time.Duration(rng.IntN(3)-1)*time.Duration(rng.Int64N(int64(8*time.Hour)))
			}
			if rng.IntN(4) > 0 {
				p.Sent(now, l)
			}
			twin := Load(p.Marshal())
			p.Done(r)
			m.done(r)
			twin.Done(r)
			if a, b := p.Marshal(), twin.Marshal(); !bytes.Equal(a, b) || len(a) > 128 {
				t.Fatalf("seed %d step %d: %x behaves as %x once loaded", seed, step, a, b)
			}
			if c := p.Cap(l); c < 1 || c > max(1, l.MaxInFlight) || (c > 1 && (l.FIFO || p.Open())) {
				t.Fatalf("seed %d step %d: cap %d with %+v", seed, step, c, l)
			}
			if !r.OK && p.Cap(l) > before.Cap(l) || r.OK && p.Cap(l) < before.Cap(l) {
				t.Fatalf("seed %d step %d: cap from %d to %d, success %v", seed, step, before.Cap(l), p.Cap(l), r.OK)
			}
			if p.Open() != m.open || p.Open() != (p.Probe() > 0) {
				t.Fatalf("seed %d step %d: open %v after failures of %d deliveries", seed, step, p.Open(), len(m.different))
			}
			if before.Open() && p.Open() && p.Probe() < before.Probe() || p.Probe() > 10*time.Minute {
				t.Fatalf("seed %d step %d: probe from %v to %v", seed, step, before.Probe(), p.Probe())
			}
			if w := p.Wait(now, l); w < 0 || (w > 0) && l.PerSecond == 0 {
				t.Fatalf("seed %d step %d: wait %v", seed, step, w)
			}
			if rng.IntN(2) == 0 {
				pause := p.TakePause()
				if pause < 0 || pause > MaxPause || r.Throttled && pause < min(max(r.RetryAfter, time.Second), MaxPause) && r.RetryAfter <= 0 ||
					r.Throttled && pause < min(r.RetryAfter, MaxPause) || p.TakePause() != 0 {
					t.Fatalf("seed %d step %d: pause %v after %+v", seed, step, pause, r)
				}
			}
			now = now.Add(time.Duration(rng.Int64N(int64(time.Second))))
		}
	}
}

func TestMarshal(t *testing.T) {
	if b := new(Pace).Marshal(); b != nil {
		t.Errorf("new: %x", b)
	}
	p := new(Pace)
	fail(p, 1)
	ok(p)
	if b := p.Marshal(); b != nil {
		t.Errorf("as good as new: %x", b)
	}
	if b := opened().Marshal(); !Load(b).Open() || Load(append(b, 0)).Open() || Load(b[:len(b)-1]).Open() {
		t.Error("the breaker is not kept, or what follows is ignored")
	}
	newer := opened().Marshal()
	newer[0]++
	if Load(newer).Open() {
		t.Error("read a newer version")
	}
	big := new(Pace)
	big.window, big.gained, big.fails, big.probes, big.throttles = maxWindow, maxWindow, failing, mostProbes, mostPauses
	big.open, big.probing, big.slow, big.throttled, big.pause = true, true, true, true, MaxPause
	big.failed = make([]int64, Threshold-1)
	for i := range big.failed {
		big.failed[i] = math.MinInt64 + int64(i)
	}
	if b := big.Marshal(); len(b) > 128 || !bytes.Equal(Load(b).Marshal(), b) {
		t.Errorf("the largest: %d bytes", len(b))
	}
}

func TestLoadRefuses(t *testing.T) {
	good := []byte{version, 1, 5, 4, 3, 2, 1, 0}
	if Load(good).Marshal() == nil {
		t.Fatal("refused what is good")
	}
	for name, b := range map[string][]byte{
		"newer version":   {version + 1, 1, 5, 4, 3, 2, 1, 0},
		"unknown flag":    {version, 16, 5, 4, 3, 2, 1, 0},
		"cut off":         good[:7],
		"counter too big": {version, 1, 5, 4, failing + 1, 2, 1, 0},
		"pause too long":  append(good[:7:7], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
		"endless number":  append(good[:7:7], bytes.Repeat([]byte{0xff}, 20)...),
		"part of an id":   append(good[:8:8], 1, 2, 3),
		"too many ids":    append(good[:8:8], make([]byte, 8*Threshold)...),
	} {
		if b := Load(b).Marshal(); b != nil {
			t.Errorf("%s: %x", name, b)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte{version, 0, 0, 0, 0, 0, 0, 0})
	f.Add(opened().Marshal())
	p := new(Pace)
	throttle(p, time.Hour)
	fail(p, math.MaxInt64)
	f.Add(p.Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		p := Load(b)
		saved := p.Marshal()
		if len(saved) > 128 || !bytes.Equal(Load(saved).Marshal(), saved) {
			t.Fatalf("%x becomes %x", b, saved)
		}
		for range 3 {
			if c := p.Cap(limits); c < 1 || c > 4 {
				t.Fatal("cap", c)
			}
			if d := p.Probe(); d < 0 || d > lastProbe || p.Open() != (d > 0) {
				t.Fatal("probe", d)
			}
			if d := p.TakePause(); d < 0 || d > MaxPause {
				t.Fatal("pause", d)
			}
			throttle(p, 0)
		}
		ok(p)
		if p.Open() || p.Slow() || p.Cap(limits) < 1 {
			t.Fatal("not well after a success")
		}
	})
}
