package main

import (
	"fmt"
	"strings"
	"testing"
)

// A judge that finds nothing would let everything pass: each fault is planted
// once.
func TestJudge(t *testing.T) {
	clean := func() *evidence {
		return &evidence{
			endpoints: []endpoint{{Account: "one", Name: "quick"}, {Account: "one", Name: "fifo", FIFO: true}},
			emitted: []map[string]*tried{{
				"e/1/one/0": {acked: true, id: "A"},
				"e/1/one/1": {acked: true, id: "B", errors: 1},
			}},
			received: lines(
				"got 1 /one/quick d1 A", "got 2 /one/fifo d1 A", "no 1", "ok 2 e/1/one/0",
				"got 3 /one/quick d1 A", "got 4 /one/quick d1 B", "gone 4",
				"got 5 /one/quick d2 B", "ok 5 e/1/one/1", "ok 3 e/1/one/0",
				"got 6 /one/fifo d1 B", "ok 6 e/1/one/1", "got 7 /one/fifo d2 B", "ok 7 e/1/one/1",
			),
			killed:  map[string]bool{"d1": true, "d2": false},
			exposed: map[string]int{"d1": 2, "d2": 0},
		}
	}
	v := &verdict{}
	clean().judge(v)
	if got, want := fmt.Sprintf("%+v", *v), "{Events:2 Deliveries:4 Retried:1 Requests:7 Lost:0 Stuck:0 Duplicates:1 InFlight:2 Faults:[]}"; got != want || !v.ok() {
		t.Errorf("the journals of a good world: got %s, want %s", got, want)
	}
	for _, c := range []struct {
		plant func(e *evidence)
		words string // of the fault
	}{
		{func(e *evidence) { e.cut("ok 5", "gone 5") }, "never arrived at /one/quick"},
		{func(e *evidence) { e.cut("ok 3", "no 3") }, "never arrived at /one/quick"},
		{func(e *evidence) { e.exposed["d1"] = 0 }, "no process that died or lost its lease explains it"},
		{func(e *evidence) {
			e.received = append(e.received, lines("got 8 /one/quick d2 A", "ok 8 e/1/one/0", "got 9 /one/fifo d2 A", "ok 9 e/1/one/0")...)
		}, "no process that died or lost its lease explains it: [d1 d2]"},
		{func(e *evidence) { e.received = append(e.received, lines("got 8 /one/quick d2 C", "no 8")...) }, "nobody emitted it"},
		{func(e *evidence) {
			e.received = append(e.received, lines("got 8 /one/quick d2 C", "ok 8 e/1/one/1")...)
		}, `was acknowledged as "B" and arrived as C`},
		{func(e *evidence) { e.emitted[0]["e/1/one/2"] = &tried{errors: 1, id: "C"} }, "never acknowledged"},
		{func(e *evidence) { e.received = append(e.received, lines("bad 8 signature")...) }, "the receiver refused"},
		{func(e *evidence) { e.cut("ok 6", ""); e.received = append(e.received, lines("ok 6 e/1/one/1")...) }, "2 requests were open at /one/fifo"},
		{func(e *evidence) {
			e.received = append(e.received, lines("got 8 /one/fifo d2 A", "no 8")...)
		}, "number 0 of stream e/1 came to /one/fifo after number 1"},
	} {
		e, v := clean(), &verdict{}
		c.plant(e)
		if e.judge(v); v.ok() || !strings.Contains(strings.Join(v.Faults, "\n"), c.words) {
			t.Errorf("want a fault with %q, got %+v", c.words, *v)
		}
	}
}

// Blame moves to another suspect to make room.
func TestBlame(t *testing.T) {
	b := blame{limits: map[string]int{"a": 1, "b": 1}, of: map[string][][]string{}}
	for _, c := range []struct {
		suspects []string
		want     bool
	}{{[]string{"a", "b"}, true}, {[]string{"a"}, true}, {[]string{"a", "b"}, false}, {[]string{"c"}, false}} {
		if got := b.assign(c.suspects, map[string]bool{}); got != c.want {
			t.Errorf("%v: got %v, want %v", c.suspects, got, c.want)
		}
	}
}

func lines(texts ...string) (out [][]string) {
	for _, l := range texts {
		out = append(out, strings.Fields(l))
	}
	return out
}

// cut replaces a line, or removes it.
func (e *evidence) cut(prefix, by string) {
	var out [][]string
	for _, l := range e.received {
		switch {
		case !strings.HasPrefix(strings.Join(l, " "), prefix):
			out = append(out, l)
		case by != "":
			out = append(out, strings.Fields(by))
		}
	}
	e.received = out
}
