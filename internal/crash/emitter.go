package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// happened is the data of the events.
type happened struct {
	Key    string `json:"key"`
	Filler string `json:"filler"`
}

const eventType = "crash.happened"

// eventTypes is the catalogue of all processes.
var eventTypes = []events.Type{events.Of(eventType, "Crash happened", "Something happened.", func() happened { return happened{"key", "x"} })}

// An emitter emits streams of events. Each stream is numbered and has one emit
// under way at a time. Its journal has a line "try" before each emit, and "ack"
// or "err" after it; both are synced. What a former process of the same journal
// tried without an answer comes first, with the same key.
type emitter struct {
	Journal string        // its file's name, and the first part of the keys
	Streams []string      // the account that each stream emits in
	Pause   time.Duration // between two emits of a stream
	Filler  int           // bytes
	Count   int           // end after so many new events of each stream; 0 is at SIGTERM
	Finish  bool          // emit nothing new
	Large   bool          // begin with an event for the account large
}

// large is an account whose events do not fit into the buffers of a connection.
const (
	large     = "large"
	largeSize = 8 << 20
	largeFrom = 4 << 20 // requests from this size on are large ones
)

// tried is what an emitter's journal says about a key.
type tried struct {
	acked  bool
	id     string // what Emit returned, also with an error
	errors int
}

// readTried reads an emitter's journal. keys is in the order of the first try.
func readTried(path string) (keys []string, by map[string]*tried, err error) {
	lines, err := readJournal(path)
	by = map[string]*tried{}
	for _, l := range lines {
		t := by[l[1]]
		if t == nil {
			t = &tried{}
			by[l[1]] = t
			keys = append(keys, l[1])
		}
		switch l[0] {
		case "ack":
			t.acked, t.id = true, l[2]
		case "err":
			t.errors++
			if len(l) > 2 {
				t.id = l[2]
			}
		}
	}
	return keys, by, err
}

// keyOf names an event: journal, stream, account and number.
func keyOf(journal string, stream int, account string, n int) string {
	return fmt.Sprintf("%s/%d/%s/%d", journal, stream, account, n)
}

// streamOf takes a key apart.
func streamOf(key string) (stream, account string, n int) {
	parts := strings.Split(key, "/")
	n, _ = strconv.Atoi(parts[3])
	return parts[0] + "/" + parts[1], parts[2], n
}

func (e *emitter) run(ctx context.Context, r *role) error {
	g, err := openGauge(r.file(r.Name))
	if err != nil {
		return err
	}
	path := r.file(e.Journal)
	keys, former, err := readTried(path)
	if err != nil {
		return err
	}
	j, err := openJournal(path)
	if err != nil {
		return err
	}
	store, closeStore, err := r.Place.open(ctx, r.trapsCommits())
	if err != nil {
		return err
	}
	d, err := webhook.New(newWatched(store, r, g), &webhook.Options{Events: eventTypes, MaxPayload: 16 << 20})
	if err != nil {
		return err
	}
	ignoreFileSizeSignal()
	ready("emits")
	s := emitting{e, d, j, g}
	var streams sync.WaitGroup
	for i, account := range append([]string{large}, e.Streams...) {
		next := 0
		var unknown []string
		for _, k := range keys {
			if stream, _, n := streamOf(k); stream == fmt.Sprint(e.Journal, "/", i) {
				next = max(next, n+1)
				if !former[k].acked {
					unknown = append(unknown, k)
				}
			}
		}
		streams.Go(func() {
			for _, k := range unknown {
				s.emit(context.WithoutCancel(ctx), k, former[k].id)
			}
			switch {
			case e.Finish:
			case account != large:
				s.stream(ctx, i, account, next)
			case e.Large:
				s.emit(ctx, keyOf(e.Journal, i, account, next), "")
			}
		})
	}
	streams.Wait()
	return closeStore()
}

// emitting is an emitter at work.
type emitting struct {
	*emitter
	d       *webhook.Dispatcher
	journal *journal
	gauge   *gauge
}

func (s emitting) stream(ctx context.Context, i int, account string, next int) {
	for n := next; ctx.Err() == nil && (s.Count == 0 || n < next+s.Count); n++ {
		s.emit(ctx, keyOf(s.Journal, i, account, n), "")
		if s.Pause > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(s.Pause):
			}
		}
	}
}

// emit emits one event until it is acknowledged, as the documentation of Emit
// advises: with the same key, and with the ID where there is one.
func (s emitting) emit(ctx context.Context, key, id string) {
	_, account, _ := streamOf(key)
	size := s.Filler
	if account == large {
		size = largeSize
	}
	data := happened{key, filler(size)}
	for {
		s.journal.sync("try", key)
		s.gauge.add(reading{Begun: 1})
		sent, err := s.d.Emit(context.WithoutCancel(ctx), webhook.Event{Account: account, Type: eventType, Data: data, Key: key, ID: id})
		if err == nil {
			s.journal.sync("ack", key, sent.ID)
			s.gauge.add(reading{Done: 1})
			return
		}
		id = sent.ID
		s.journal.sync("err", key, id)
		select {
		case <-ctx.Done(): // the next process goes on with it
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}
