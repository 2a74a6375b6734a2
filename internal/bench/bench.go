package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/autoreach/webhook/internal/pgserver"
)

// A scenario measures some figures.
type scenario struct {
	name  string
	title string
	page  string // in the docs; empty for benchmarks.md
	about string // what the figures are, as the docs say it
	short bool   // is part of the short form
	once  bool   // takes long, or comes out the same each time: one iteration
	run   func(b *bench) error

	tables func() string // for the docs, in the place of a table of all figures
}

// scenarios is all there is, in the order of running: the short form's first.
// init breaks the cycle between the table and what reads it.
var scenarios []scenario

func init() {
	scenarios = slices.Concat(
		[]scenario{throughput, latency, fairness[0], verification, budget, rates, emitting, endpoints100k},
		fairness[1:],
		[]scenario{greedy, revived, retries, dead, memory, hostile, scaling},
	)
}

// bench is one run of the program.
type bench struct {
	ctx        context.Context
	iterations int
	scale      float64
	short      bool
	docs       string
	profile    string

	dsn      string
	receiver *child
	hosts    []string           // the receiver's, as in URLs
	capacity map[string]float64 // events a second, by system
	figures  []figure           // of the scenario that runs
	plots    []plot             // likewise
}

// A figure is a measured value, once for each iteration.
type figure struct {
	name, unit string
	values     []float64
}

// add notes a value of the present iteration.
func (b *bench) add(name string, value float64, unit string) {
	i := slices.IndexFunc(b.figures, func(f figure) bool { return f.name == name })
	if i < 0 {
		i = len(b.figures)
		b.figures = append(b.figures, figure{name: name, unit: unit})
	}
	b.figures[i].values = append(b.figures[i].values, value)
}

func (b *bench) run(ctx context.Context, chosen []scenario) error {
	var stop func()
	var err error
	b.ctx, b.capacity = ctx, map[string]float64{}
	if b.dsn, stop, err = pgserver.Use(); err != nil {
		return err
	}
	defer stop()
	if b.receiver, err = spawn(); err != nil {
		return err
	}
	defer b.receiver.kill()
	if err := b.receiver.call(ctx, "Receiver.Listen", hosts, &b.hosts); err != nil {
		return err
	}
	for _, s := range chosen {
		began := time.Now()
		b.figures, b.plots = nil, nil
		for i := range b.iterations {
			if i > 0 && s.once {
				break
			}
			if err := s.run(b); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
		for _, f := range b.figures {
			fmt.Println(f.name, number(median(f.values)), f.unit)
		}
		fmt.Fprintf(os.Stderr, "%s took %.0f s\n", s.name, time.Since(began).Seconds())
		if b.docs != "" {
			if err := b.document(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// seconds is a time of measuring, by the run's scale.
func (b *bench) seconds(s float64) time.Duration {
	return time.Duration(s * b.scale * float64(time.Second))
}

// count is a number of events or endpoints, by the run's scale.
func (b *bench) count(n int) int { return max(1, int(float64(n)*b.scale)) }

// median is the middle one, or the mean of the middle two.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return 0
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// number writes a value with three significant digits, or more if it is large.
func number(v float64) string {
	digits := 0
	if v != math.Trunc(v) && !math.IsNaN(v) {
		digits = max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}
