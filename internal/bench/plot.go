package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// A plot is lines in a coordinate system.
type plot struct {
	name        string
	title, x, y string
	logX, logY  bool
	series      []series
}

type series struct {
	name   string
	points []point
}

type point struct{ x, y float64 }

// plot keeps a plot for the docs; that of a later iteration wins.
func (b *bench) plot(name string, p plot) {
	p.name = name
	for i := range b.plots {
		if b.plots[i].name == name {
			b.plots[i] = p
			return
		}
	}
	b.plots = append(b.plots, p)
}

const (
	plotWidth, plotHeight = 720, 320
	left, right, top      = 70, 150, 40 // margins
	bottom                = 50
)

// colours can be told apart on white and on black, and by the colour-blind.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#999999", "#8a6d3b", "#6a5acd", "#b22222"}

// style follows the reader's choice of dark or light.
const style = `<style>text{font:12px sans-serif;fill:#333}.t{font-size:14px;font-weight:bold}.g{stroke:#8885}` +
	`@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>`

// svg draws the plot.
func (p plot) svg() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">%s`, plotWidth, plotHeight, style)
	text := func(x, y float64, anchor, class, s string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">`, x, y, anchor, class)
		_ = xml.EscapeText(&b, []byte(s))
		b.WriteString(`</text>`)
	}
	xs, ys := p.axis(p.logX, func(q point) float64 { return q.x }), p.axis(p.logY, func(q point) float64 { return q.y })
	px := func(v float64) float64 { return left + xs.at(v)*(plotWidth-left-right) }
	py := func(v float64) float64 { return plotHeight - bottom - ys.at(v)*(plotHeight-top-bottom) }
	text(left, 20, "start", "t", p.title)
	text((left+plotWidth-right)/2, plotHeight-10, "middle", "", p.x)
	text(left, top-6, "start", "", p.y)
	for _, v := range xs.ticks() {
		fmt.Fprintf(&b, `<path class="g" d="M%.1f %dV%d"/>`, px(v), top, plotHeight-bottom)
		text(px(v), plotHeight-bottom+16, "middle", "", short(v))
	}
	for _, v := range ys.ticks() {
		fmt.Fprintf(&b, `<path class="g" d="M%d %.1fH%d"/>`, left, py(v), plotWidth-right)
		text(left-6, py(v)+4, "end", "", short(v))
	}
	for i, s := range p.series {
		colour := colours[i%len(colours)]
		var line []string
		for _, q := range s.points {
			line = append(line, fmt.Sprintf("%.1f,%.1f", px(q.x), py(q.y)))
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`, colour, strings.Join(line, " "))
		y := float64(top + 10 + 18*i)
		fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="12" height="3" fill="%s"/>`, plotWidth-right+10, y-5, colour)
		text(plotWidth-right+28, y, "start", "", s.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// An axis goes from low to high.
type axis struct {
	low, high float64
	log       bool
}

// axis holds all points: from zero on, or from a power of ten to another.
func (p plot) axis(log bool, of func(point) float64) axis {
	a := axis{log: log}
	if log {
		a.low = math.Inf(1)
	}
	for _, s := range p.series {
		for _, q := range s.points {
			a.low, a.high = min(a.low, of(q)), max(a.high, of(q))
		}
	}
	switch {
	case a.high <= 0:
		a = axis{high: 1}
	case log:
		a.low, a.high = math.Pow10(int(math.Floor(math.Log10(a.low)))), math.Pow10(int(math.Ceil(math.Log10(a.high))))
		if a.low == a.high {
			a.high *= 10
		}
	}
	return a
}

// at says where a value is, from 0 to 1.
func (a axis) at(v float64) float64 {
	if a.log {
		return math.Log10(v/a.low) / math.Log10(a.high/a.low)
	}
	return (v - a.low) / (a.high - a.low)
}

// ticks are powers of ten, or some round numbers.
func (a axis) ticks() (out []float64) {
	if a.log {
		for v := a.low; v <= a.high*1.001; v *= 10 {
			out = append(out, v)
		}
		return out
	}
	step := math.Pow10(int(math.Floor(math.Log10(a.high - a.low))))
	for _, f := range []float64{0.1, 0.2, 0.5, 1} {
		if (a.high-a.low)/(step*f) <= 6 {
			step *= f
			break
		}
	}
	for v := a.low; v <= a.high*1.001; v += step {
		out = append(out, v)
	}
	return out
}

// short is a number as axes have it.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return number(v/1e6) + "M"
	case v >= 1e4:
		return number(v/1e3) + "k"
	}
	return number(v)
}
