package main

import (
	"context"
	"runtime"
)

var memory = scenario{
	name: "memory", title: "Memory of what waits", run: runMemory, once: true,
	about: `
In the memory store, by the size of the heap after garbage collections.

- pending_bytes: of a delivery that waits, beyond the events: 10,000 events to
  100 endpoints each, less 10,000 events to one endpoint each, for each delivery
  more
- pending_1m_mb: of 1,000,000 deliveries that wait, without the bytes of the
  payloads of their 10,000 events
- pending_event_bytes: of an event with one delivery that waits, without its
  payload`,
}

func runMemory(b *bench) error {
	var p Pending
	if err := b.alone("Lab.Pending", b.count(10_000), &p); err != nil {
		return err
	}
	b.add("pending_bytes", float64(p.Wide-p.Narrow)/float64(p.Events*99), "bytes")
	b.add("pending_1m_mb", float64(p.Wide)/float64(p.Events)*10_000/1e6, "MB")
	b.add("pending_event_bytes", float64(p.Narrow)/float64(p.Events), "bytes")
	return nil
}

// Pending is how much the heap grew with events that wait, without the bytes of
// their payloads.
type Pending struct {
	Events       int
	Narrow, Wide int64 // with one endpoint, with 100
}

// Pending stores that many events for one endpoint, and for 100.
func (*Lab) Pending(events int, reply *Pending) (err error) {
	reply.Events = events
	if reply.Narrow, err = heapOf(events, 1); err != nil {
		return err
	}
	reply.Wide, err = heapOf(events, 100)
	return err
}

func heapOf(events, endpoints int) (int64, error) {
	ctx := context.Background()
	l, err := newLibrary(inMemory())
	if err != nil {
		return 0, err
	}
	for range endpoints { // all of one account
		if err := l.register(ctx, []string{"http://127.0.1.1/0"}); err != nil {
			return 0, err
		}
		l.endpoints = 0
	}
	before := heap()
	for range events {
		if _, err := l.d.Emit(ctx, newEvent(0, 1700000000000000000, payloadSize)); err != nil {
			return 0, err
		}
	}
	grown := heap() - before
	runtime.KeepAlive(l)
	return grown - int64(events*payloadSize), nil
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
