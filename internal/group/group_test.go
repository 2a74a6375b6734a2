package group

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a run that takes a second and remembers its batches.
type recorder struct {
	batches [][]int
	fail    func(context.Context, []int) error
}

func (r *recorder) run(ctx context.Context, items []int) ([]int, error) {
	r.batches = append(r.batches, items)
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if r.fail != nil {
		if err := r.fail(ctx, items); err != nil {
			return nil, err
		}
	}
	out := make([]int, len(items))
	for i, v := range items {
		out[i] = v * 10
	}
	return out, nil
}

func (r *recorder) want(t *testing.T, want ...[]int) {
	t.Helper()
	if !reflect.DeepEqual(r.batches, want) {
		t.Errorf("batches %v, want %v", r.batches, want)
	}
}

// settle lets everything end.
func settle() {
	time.Sleep(time.Minute)
	synctest.Wait()
}

type answer struct {
	results []int
	err     error
	took    time.Duration
}

// do starts a call and waits until it is part of the group.
func do(g *Group[int, int], ctx context.Context, items ...int) *answer {
	a := new(answer)
	begin := time.Now()
	go func() {
		a.results, a.err = g.Do(ctx, items...)
		a.took = time.Since(begin)
	}()
	synctest.Wait()
	return a
}

func (a *answer) want(t *testing.T, took time.Duration, results ...int) {
	t.Helper()
	if a.err != nil || a.took != took || !reflect.DeepEqual(a.results, results) {
		t.Errorf("%v, error %v after %v, want %v after %v", a.results, a.err, a.took, results, took)
	}
}

func (a *answer) wantErr(t *testing.T, took time.Duration, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if !errors.Is(a.err, err) || a.took != took || a.results != nil {
			t.Errorf("%v, error %v after %v, want error %v after %v", a.results, a.err, a.took, err, took)
		}
	}
}

func TestFirstAtOnceOthersTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		g := New(100, r.run)
		a := do(g, t.Context(), 1)
		b := do(g, t.Context(), 2, 3)
		c := do(g, t.Context(), 4)
		settle()
		r.want(t, []int{1}, []int{2, 3, 4})
		a.want(t, time.Second, 10)
		b.want(t, 2*time.Second, 20, 30)
		c.want(t, 2*time.Second, 40)
		if g.running > 0 || g.waiting.Len() != 0 {
			t.Error("busy while nothing runs")
		}
	})
}

// A second run begins beside the first when enough items wait, and no third one.
func TestBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		g := New(100, r.run)
		g.Beside = 4
		first := do(g, t.Context(), 1)
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		do(g, short, 2, 3)
		time.Sleep(2 * time.Millisecond) // which are withdrawn, and count no more
		second := do(g, t.Context(), 4, 5)
		third := do(g, t.Context(), 6, 11) // four wait
		fourth := do(g, t.Context(), 7, 8, 9, 10)
		settle()
		r.want(t, []int{1}, []int{4, 5, 6, 11}, []int{7, 8, 9, 10})
		first.want(t, time.Second, 10)
		second.want(t, time.Second, 40, 50)
		third.want(t, time.Second, 60, 110)
		fourth.want(t, 2*time.Second-2*time.Millisecond, 70, 80, 90, 100)
		if g.running > 0 || g.waiting.Len() != 0 || g.items != 0 {
			t.Error("busy while nothing runs")
		}
	})
}

// Heavy items are not run together beyond a weight; a call that is too heavy runs
// alone.
func TestHeavy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		g := New(100, r.run)
		g.Weigh, g.Heavy = func(i int) int { return i }, 10
		do(g, t.Context(), 1)
		for _, items := range [][]int{{4, 4}, {2}, {1}, {20}, {3}, {7}} {
			do(g, t.Context(), items...)
		}
		settle()
		r.want(t, []int{1}, []int{4, 4, 2}, []int{1}, []int{20}, []int{3, 7})
	})
}

func TestResultsAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		g := New(100, r.run)
		do(g, t.Context(), 0)
		b, c := do(g, t.Context(), 1), do(g, t.Context(), 2)
		settle()
		b.results = append(b.results, 99)
		c.want(t, 2*time.Second, 20)
	})
}

func TestMaxKeepsCallsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		g := New(3, r.run)
		for i := range 3 {
			do(g, t.Context(), 10*i, 10*i+1)
		}
		big := do(g, t.Context(), 1, 2, 3, 4, 5)
		for i := range 4 {
			do(g, t.Context(), 100+i)
		}
		settle()
		r.want(t, []int{0, 1}, []int{10, 11}, []int{20, 21}, []int{1, 2, 3, 4, 5}, []int{100, 101, 102}, []int{103})
		big.want(t, 4*time.Second, 10, 20, 30, 40, 50)
	})
}

func TestNothingToDo(t *testing.T) {
	var r recorder
	g := New(1, r.run)
	if results, err := g.Do(t.Context()); results != nil || err != nil {
		t.Error(results, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	if _, err := g.Do(ctx, 1); !errors.Is(err, ErrNotStarted) || !errors.Is(err, why) {
		t.Error(err)
	}
	r.want(t)
}

func TestCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		g := New(100, r.run)
		short, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		shorter, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		do(g, t.Context(), 1)
		running := do(g, short, 2)     // leads the second batch and leaves it
		withdrawn := do(g, shorter, 3) // leaves before
		stays := do(g, t.Context(), 4)
		settle()
		r.want(t, []int{1}, []int{2, 4})
		running.wantErr(t, 1500*time.Millisecond, ErrUnknown, context.DeadlineExceeded)
		withdrawn.wantErr(t, 500*time.Millisecond, ErrNotStarted, context.DeadlineExceeded)
		stays.want(t, 2*time.Second, 40)
	})
}

// A context that ends together with the run takes nothing away.
func TestLeavesTooLate(t *testing.T) {
	g := New(1, func(_ context.Context, items []int) ([]int, error) { return items, nil })
	c := &call[int, int]{ended: make(chan struct{}), batch: &batch[int, int]{}}
	close(c.ended)
	if err := g.leave(c); err != nil {
		t.Error(err)
	}
}

// A run nobody waits for any more is told so, and the next begins: a store that
// hangs does not stop the group for good.
func TestAllCallersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := true
		g := New(100, func(ctx context.Context, items []int) ([]int, error) {
			if hang {
				<-ctx.Done()
			}
			return items, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		a := do(g, ctx, 1)
		hang = false
		b := do(g, t.Context(), 2)
		settle()
		a.wantErr(t, time.Second, ErrUnknown)
		b.want(t, time.Second, 2)
	})
}

func TestRunContextHasValues(t *testing.T) {
	type key struct{}
	g := New(1, func(ctx context.Context, items []int) ([]int, error) {
		return []int{ctx.Value(key{}).(int)}, nil
	})
	if results, err := g.Do(context.WithValue(t.Context(), key{}, 7), 1); err != nil || results[0] != 7 {
		t.Error(results, err)
	}
}

func TestErrorReachesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, refused := errors.New("broken"), errors.New("refused")
		r := recorder{fail: func(context.Context, []int) error { return broken }}
		g := New(100, r.run)
		g.Split = func(err error) bool { return errors.Is(err, refused) }
		do(g, t.Context(), 1)
		a, b := do(g, t.Context(), 2), do(g, t.Context(), 3)
		settle()
		r.want(t, []int{1}, []int{2, 3})
		a.wantErr(t, 2*time.Second, broken)
		b.wantErr(t, 2*time.Second, broken)
	})
}

func TestSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		r := recorder{fail: func(_ context.Context, items []int) error {
			for _, v := range items {
				if v < 0 {
					return fmt.Errorf("%d: %w", v, refused)
				}
			}
			return nil
		}}
		g := New(100, r.run)
		g.Split = func(err error) bool { return errors.Is(err, refused) }
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		lone := do(g, t.Context(), -1)
		a := do(g, t.Context(), 2, 3)
		b := do(g, t.Context(), 4, -5)
		withdrawn := do(g, ctx, 6)
		c := do(g, t.Context(), 7)
		settle()
		r.want(t, []int{-1}, []int{2, 3, 4, -5, 6, 7}, []int{2, 3}, []int{4, -5}, []int{7})
		lone.wantErr(t, time.Second, refused)
		a.want(t, 3*time.Second, 20, 30)
		b.wantErr(t, 4*time.Second, refused)
		withdrawn.wantErr(t, 3500*time.Millisecond, ErrNotStarted)
		c.want(t, 5*time.Second, 70)
	})
}

func TestRunNeverReturns(t *testing.T) {
	boom := errors.New("boom")
	for name, run := range map[string]func([]int) []int{
		"panic":           func([]int) []int { panic(boom) },
		"goexit":          func([]int) []int { runtime.Goexit(); return nil },
		"too few results": func(items []int) []int { return items[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := New(100, func(_ context.Context, items []int) ([]int, error) {
					time.Sleep(time.Second)
					if items[0] < 10 {
						return run(items), nil
					}
					return items, nil
				})
				a, b, c := do(g, t.Context(), 1), do(g, t.Context(), 2), do(g, t.Context(), 3)
				time.Sleep(1500 * time.Millisecond)
				d := do(g, t.Context(), 10)
				settle()
				for _, x := range []*answer{a, b, c} {
					var p *PanicError
					if x.err == nil || errors.As(x.err, &p) == (name == "too few results") {
						t.Error(x.err)
					}
					if name == "panic" && !errors.Is(x.err, boom) {
						t.Error(x.err)
					}
				}
				if d.err != nil || len(d.results) != 1 {
					t.Error("the group is stuck:", d.err)
				}
			})
		})
	}
}

func TestSplitPanics(t *testing.T) {
	g := New(1, func(context.Context, []int) ([]int, error) { return nil, errors.New("failed") })
	g.Split = func(error) bool { panic("split") }
	var p *PanicError
	if _, err := g.Do(t.Context(), 1); !errors.As(err, &p) || p.Value != "split" || len(p.Stack) == 0 {
		t.Error(err)
	}
}

// A caller that left may use its slice again.
func TestItemsAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []int
		g := New(10, func(ctx context.Context, items []int) ([]int, error) {
			time.Sleep(time.Second)
			seen = append(seen, items...)
			return items, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		items := []int{1, 2}
		a := do(g, ctx, items...)
		cancel()
		synctest.Wait()
		items[0], items[1] = 8, 9
		settle()
		a.wantErr(t, 0, ErrUnknown)
		if !reflect.DeepEqual(seen, []int{1, 2}) {
			t.Error(seen)
		}
	})
}

// Everything at once: results belong to their items, one run at a time, within
// max, and what was withdrawn never ran.
func TestStress(t *testing.T) {
	const callers, calls, most = 16, 300, 20
	refused := errors.New("refused")
	var running atomic.Int32
	var mu sync.Mutex
	ran := map[int]int{}
	g := New(most, func(ctx context.Context, items []int) ([]int, error) {
		if running.Add(1) != 1 {
			t.Error("two runs at a time")
		}
		defer running.Add(-1)
		if len(items) > most {
			t.Error("batch of", len(items))
		}
		time.Sleep(time.Duration(rand.IntN(50)) * time.Microsecond)
		for _, v := range items {
			switch v % 1000 {
			case 77:
				return nil, refused
			case 78:
				panic("item")
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for _, v := range items {
			ran[v]++
		}
		return items, nil
	})
	g.Split = func(err error) bool { return errors.Is(err, refused) }
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			last := -1
			for i := range calls {
				items := make([]int, 1+rand.IntN(4))
				for k := range items {
					items[k] = caller*1_000_000 + i*10 + k
				}
				ctx, cancel := context.WithCancel(context.Background())
				if rand.IntN(4) == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(200))*time.Microsecond)
				}
				results, err := g.Do(ctx, items...)
				cancel()
				mu.Lock()
				n := ran[items[0]]
				mu.Unlock()
				var p *PanicError
				switch {
				case err == nil && (!reflect.DeepEqual(results, items) || n != 1):
					t.Errorf("%v gave %v, ran %d times", items, results, n)
				case errors.Is(err, ErrNotStarted) && n != 0:
					t.Errorf("%v ran though withdrawn", items)
				case err != nil && !errors.Is(err, ErrNotStarted) && !errors.Is(err, ErrUnknown) &&
					!errors.Is(err, refused) && !errors.As(err, &p):
					t.Error(err)
				}
				last = i
			}
			if last != calls-1 {
				t.Error("stopped early")
			}
		})
	}
	wg.Wait()
	g.Do(context.Background(), -1) // runs behind the last, which may outlive its callers
	for v, n := range ran {
		if n != 1 {
			t.Errorf("%d ran %d times", v, n)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting.Len() != 0 {
		t.Error("calls left behind")
	}
}

func BenchmarkIdle(b *testing.B) {
	g := New(100, func(_ context.Context, items []int) ([]int, error) { return items, nil })
	b.ReportAllocs()
	for b.Loop() {
		g.Do(b.Context(), 1)
	}
}

func BenchmarkBusy(b *testing.B) {
	g := New(100, func(_ context.Context, items []int) ([]int, error) { return items, nil })
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			g.Do(context.Background(), 1)
		}
	})
}
