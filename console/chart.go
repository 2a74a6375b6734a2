package console

import (
	"fmt"
	"math"
	"strings"
)

// A chartView is a chart of the last 24 hours in the units of its SVG.
type chartView struct {
	Bars       []bar
	Top        int // what the highest bar stands for
	Label      string
	Delivered  int
	Failed     int
	LatencyMS  float64
	HasLatency bool
}

type bar struct {
	X, DeliveredY, Delivered, FailedY, Failed float64
	Hour                                      hourView
}

// The chart's units.
const (
	chartHeight = 96.0
	barWidth    = 20.0
)

// chart stacks failed attempts on delivered ones.
func chart(hours []hourView) chartView {
	c := totals(hours)
	for _, h := range hours {
		c.Top = max(c.Top, h.Delivered+h.Failed)
	}
	for i, h := range hours {
		b := bar{X: float64(i) * barWidth, Hour: h}
		if c.Top > 0 {
			b.Delivered = height(h.Delivered, c.Top)
			b.Failed = height(h.Failed, c.Top)
		}
		b.DeliveredY = round(chartHeight - b.Delivered)
		b.FailedY = round(b.DeliveredY - b.Failed)
		c.Bars = append(c.Bars, b)
	}
	return c
}

// height is that of a bar's part; what is there can be seen.
func height(n, top int) float64 {
	if n == 0 {
		return 0
	}
	return round(max(2, float64(n)/float64(top)*(chartHeight-6)))
}

func round(f float64) float64 { return math.Round(10*f) / 10 }

// Delivered24 and Failed24 are the bars as paths, for the small chart: a page
// has many of them.
func (c chartView) Delivered24() string {
	return c.path(func(b bar) (y, h float64) { return b.DeliveredY, b.Delivered })
}

// Failed24 is described at Delivered24.
func (c chartView) Failed24() string {
	return c.path(func(b bar) (y, h float64) { return b.FailedY, b.Failed })
}

func (c chartView) path(of func(bar) (y, h float64)) string {
	var s strings.Builder
	for _, b := range c.Bars {
		if y, h := of(b); h > 0 {
			fmt.Fprintf(&s, "M%v %vh16v%vh-16z", b.X, y, h)
		}
	}
	return s.String()
}

// totals are the sums of the hours, and what the chart says in words.
func totals(hours []hourView) chartView {
	var c chartView
	for _, h := range hours {
		c.Delivered += h.Delivered
		c.Failed += h.Failed
		c.LatencyMS += float64(h.LatencyMS) * float64(h.Delivered+h.Failed)
	}
	if n := c.Delivered + c.Failed; n > 0 {
		c.LatencyMS /= float64(n)
		c.HasLatency = true
	}
	c.Label = fmt.Sprintf("Last 24 hours: %s answered 2xx, %s failed.", count(c.Delivered, "attempt", "attempts"), grouped(c.Failed))
	return c
}
