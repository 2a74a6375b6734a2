package main

import (
	"fmt"
	"strings"
)

var scaling = scenario{
	name: "scaling", title: "Costs by size", page: "scaling.md", run: runScaling, once: true, tables: costTables,
	about: `
What one call costs while endpoints, a backlog or the history grow. The other
two stay at 1,000 endpoints, nothing waiting, nothing logged; payloads have 256
bytes. Each cell has three values, for 10,000, 100,000 and 1,000,000: the median
of 100 calls, made one after the other by one process, in which nothing else
goes on. PostgreSQL's tables have been vacuumed and analysed after they grew.

- emit, emit 100: one event with one delivery; 100 of them in one call
- claim, due, settle: 64 lanes are claimed, asked for one delivery each, settled
  as delivered, and returned
- delivery: what one delivery costs in all, with batches of that size: a
  hundredth of emit 100 and a 64th of claim, due and settle
- endpoints, log: a page of an account's endpoints, and the last 50 of its
  deliveries
- purge: a call that finds nothing to do
- stats: counts all that waits, which is why it grows

Pages are those of tables and indexes that were touched, in memory or not.
Statements include BEGIN, settings and COMMIT; several go in one round trip`,
}

// sizes are the three points of each curve.
var sizes = []int{10_000, 100_000, 1_000_000}

// dimensions are what grows.
var dimensions = []string{"endpoints", "backlog", "history"}

// A Cost is what a call costs. What a store cannot count is 0.
type Cost struct {
	Op         string
	Micros     float64
	Trips      float64 // round trips to the server
	Statements float64
	Pages      float64
	WAL        float64 // bytes; of SQLite all that was written
	Syncs      float64 // of the WAL
}

// units are the columns of the tables.
var units = []struct {
	name string
	of   func(Cost) float64
}{
	{"us", func(c Cost) float64 { return c.Micros }},
	{"trips", func(c Cost) float64 { return c.Trips }},
	{"statements", func(c Cost) float64 { return c.Statements }},
	{"pages", func(c Cost) float64 { return c.Pages }},
	{"wal_bytes", func(c Cost) float64 { return c.WAL }},
	{"syncs", func(c Cost) float64 { return c.Syncs }},
}

// grown is one table of the docs: a store, what grows, and the costs by size.
type grown struct {
	store, dimension string
	costs            [][]Cost // by size
	stored           []float64
}

// tables of the run; costTables prints them.
var grownTables []grown

func runScaling(b *bench) error {
	grownTables = nil
	for _, store := range []string{"memory", "sqlite", "postgres"} {
		for _, dimension := range dimensions {
			g, err := b.grow(store, dimension)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", store, dimension, err)
			}
			grownTables = append(grownTables, g)
			b.addGrown(g)
		}
	}
	return nil
}

func (b *bench) grow(store, dimension string) (grown, error) {
	g := grown{store: store, dimension: dimension}
	c, err := b.sender(store, 1000)
	if err != nil {
		return g, err
	}
	defer c.kill()
	for _, n := range sizes {
		var size Size
		if err := c.call(b.ctx, "Sender.Grow", Growth{dimension, max(1000, b.count(n))}, &size); err != nil {
			return g, err
		}
		var costs []Cost
		if err := c.call(b.ctx, "Sender.Costs", max(3, b.count(100)), &costs); err != nil {
			return g, err
		}
		g.costs, g.stored = append(g.costs, costs), append(g.stored, float64(size.Bytes))
	}
	return g, nil
}

// addGrown reports each curve by its three points.
func (b *bench) addGrown(g grown) {
	micros, pages := make([]series, len(g.costs[0])), make([]series, len(g.costs[0]))
	for i, n := range sizes {
		prefix := "scale_" + g.store + "_" + g.dimension + "_" + strings.ToLower(short(float64(n))) + "_"
		for j, c := range g.costs[i] {
			micros[j].name, pages[j].name = c.Op, c.Op
			micros[j].points = append(micros[j].points, point{float64(n), c.Micros})
			pages[j].points = append(pages[j].points, point{float64(n), max(1, c.Pages)})
			for _, u := range units {
				if v := u.of(c); v > 0 {
					b.add(prefix+strings.ReplaceAll(c.Op, " ", "")+"_"+u.name, v, strings.TrimPrefix(u.name, "wal_"))
				}
			}
		}
		if g.stored[i] > 0 {
			b.add(prefix+"stored_bytes", g.stored[i], "bytes")
		}
	}
	name := g.store + "-" + g.dimension
	b.plot(name, plot{
		title: title(g.store) + ": time of a call", x: g.dimension, y: "microseconds", logX: true, logY: true, series: micros,
	})
	if g.store == "postgres" {
		b.plot(name+"-pages", plot{
			title: title(g.store) + ": pages that a call touches", x: g.dimension, y: "pages", logX: true, logY: true, series: pages,
		})
	}
}

func title(store string) string {
	return map[string]string{"memory": "Memory", "sqlite": "SQLite", "postgres": "PostgreSQL"}[store]
}

// costTables has a row for each call and a column for each unit.
func costTables() string {
	var out strings.Builder
	for _, g := range grownTables {
		fmt.Fprintf(&out, "### %s, growing %s\n\n| call |", title(g.store), g.dimension)
		rule := "\n|---|"
		shown := units[:0:0]
		for _, u := range units {
			for _, c := range g.costs[0] {
				if u.of(c) > 0 {
					shown = append(shown, u)
					fmt.Fprintf(&out, " %s |", heading(g.store, u.name))
					rule += "--:|"
					break
				}
			}
		}
		out.WriteString(rule + "\n")
		for j, c := range g.costs[0] {
			fmt.Fprintf(&out, "| %s |", c.Op)
			for _, u := range shown {
				var cell []string
				for i := range g.costs {
					cell = append(cell, number(u.of(g.costs[i][j])))
				}
				fmt.Fprintf(&out, " %s |", strings.Join(cell, " / "))
			}
			out.WriteString("\n")
		}
		if g.stored[0] > 0 {
			fmt.Fprintf(&out, "\nStored: %s / %s / %s MB in all.\n", number(g.stored[0]/1e6), number(g.stored[1]/1e6), number(g.stored[2]/1e6))
		}
		out.WriteString("\n")
	}
	return out.String()
}

func heading(store, unit string) string {
	switch {
	case unit == "us":
		return "µs"
	case unit == "wal_bytes" && store == "sqlite":
		return "bytes written"
	case unit == "wal_bytes":
		return "WAL bytes"
	}
	return unit
}
