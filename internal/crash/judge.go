package main

import (
	"fmt"
	"path/filepath"
	"slices"
)

// A verdict is what the journals say.
type verdict struct {
	Events     int // acknowledged
	Deliveries int // of these
	Retried    int // emits that were repeated after an unknown outcome
	Requests   int
	Lost       int // deliveries of acknowledged events that were never answered 2xx
	Stuck      int // deliveries that still wait, or are dead
	Duplicates int // requests that were answered 2xx after the first one of their delivery
	InFlight   int // requests that processes had in flight when they were killed, or had lost their lease
	Faults     []string
}

// ok says whether all promises held.
func (v *verdict) ok() bool {
	return v.Lost == 0 && v.Stuck == 0 && v.Duplicates <= v.InFlight && len(v.Faults) == 0
}

// add adds up.
func (v *verdict) add(o *verdict) {
	v.Events += o.Events
	v.Deliveries += o.Deliveries
	v.Retried += o.Retried
	v.Requests += o.Requests
	v.Lost += o.Lost
	v.Stuck += o.Stuck
	v.Duplicates += o.Duplicates
	v.InFlight += o.InFlight
	v.Faults = append(v.Faults, o.Faults...)
}

// maxFaults is how many faults are told.
const maxFaults = 20

func (v *verdict) fault(format string, args ...any) {
	if len(v.Faults) < maxFaults {
		v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
	}
}

// evidence is what a verdict is made from.
type evidence struct {
	endpoints []endpoint
	emitted   []map[string]*tried // by key, one for each journal
	received  [][]string          // the receiver's journal
	killed    map[string]bool     // dispatchers
	exposed   map[string]int      // by dispatcher, see reading
	exclusive bool
}

// judge compares the journals of a world whose processes have all ended.
func (w *world) judge(stuck int) (*verdict, error) {
	e := evidence{endpoints: w.endpoints, killed: map[string]bool{}, exposed: map[string]int{}, exclusive: w.place.exclusive()}
	var journals []string
	for _, p := range w.all("emitter") {
		journals = append(journals, p.role.Emitter.Journal)
	}
	slices.Sort(journals)
	for _, name := range slices.Compact(journals) {
		_, by, err := readTried(filepath.Join(w.dir, name))
		if err != nil {
			return nil, err
		}
		e.emitted = append(e.emitted, by)
	}
	var err error
	if e.received, err = readJournal(filepath.Join(w.dir, "received")); err != nil {
		return nil, err
	}
	v := &verdict{Stuck: stuck}
	for _, kind := range []string{"emitter", "dispatcher"} {
		for _, p := range w.all(kind) {
			<-p.ended
			if p.failed != nil {
				v.fault("%v", p.failed)
			}
			if kind == "dispatcher" {
				e.killed[p.role.Name], e.exposed[p.role.Name] = p.killed, p.gauge().exposed(p.killed)
			}
		}
	}
	e.judge(v)
	return v, nil
}

// A request is one line "got" of the receiver's journal.
type request struct {
	path, process, id string
	ok                bool
}

func (e *evidence) judge(v *verdict) {
	for _, n := range e.exposed {
		v.InFlight += n
	}
	requests := e.requests(v)
	ids := e.identify(v) // of the events, by key
	keys := map[string]string{}
	for k, id := range ids {
		keys[id] = k
	}
	accepted := map[[2]string][]*request{} // by endpoint and event
	for _, r := range requests {
		if r.ok {
			at := [2]string{r.path, r.id}
			accepted[at] = append(accepted[at], r)
		}
		if keys[r.id] == "" {
			v.fault("%s was sent to %s, and nobody emitted it", r.id, r.path)
		}
	}
	for k, id := range ids {
		_, account, _ := streamOf(k)
		v.Events++
		for i := range e.endpoints {
			if e.endpoints[i].Account != account {
				continue
			}
			v.Deliveries++
			if len(accepted[[2]string{e.endpoints[i].path(), id}]) == 0 {
				v.Lost++
				v.fault("%s (%s) is acknowledged and never arrived at %s", k, id, e.endpoints[i].path())
			}
		}
	}
	e.explain(v, accepted)
	e.order(v, requests, keys)
}

// requests reads the receiver's journal, and judges how many of one endpoint
// were open at a time.
func (e *evidence) requests(v *verdict) []*request {
	most := map[string]int{}
	for i := range e.endpoints {
		switch x := &e.endpoints[i]; {
		case x.FIFO:
			most[x.path()] = 1
		case x.MaxInFlight > 0:
			most[x.path()] = x.MaxInFlight
		default:
			most[x.path()] = 4
		}
	}
	var all []*request
	by := map[string]*request{}
	open := map[string]int{}
	// A store that frees the lanes of a process as soon as it is dead lets the
	// next one begin while the receiver still has the dead one's requests.
	whose := func(r *request) string {
		if e.exclusive {
			return r.path + " " + r.process
		}
		return r.path
	}
	for _, l := range e.received {
		v.note(l)
		switch l[0] {
		case "got":
			r := &request{path: l[2], process: l[3], id: l[4]}
			by[l[1]], all = r, append(all, r)
			if open[whose(r)]++; open[whose(r)] > most[r.path] {
				v.fault("%d requests were open at %s, request %s", open[whose(r)], r.path, l[1])
			}
		case "ok", "no", "gone":
			r := by[l[1]]
			r.ok = l[0] == "ok"
			open[whose(r)]--
		}
	}
	v.Requests = len(all)
	return all
}

// note looks for requests that were not genuine.
func (v *verdict) note(line []string) {
	if line[0] == "bad" {
		v.fault("the receiver refused: %q", line)
	}
}

// identify returns the ID of each event by its key. One that was acknowledged
// must have arrived under that ID, and under no other.
func (e *evidence) identify(v *verdict) map[string]string {
	ids := map[string]string{}
	for _, by := range e.emitted {
		for k, t := range by {
			v.Retried += t.errors
			if !t.acked {
				v.fault("%s was tried and never acknowledged, though there was time", k)
				continue
			}
			ids[k] = t.id
		}
	}
	sent := map[string]string{} // request: event
	for _, l := range e.received {
		switch l[0] {
		case "got":
			sent[l[1]] = l[4]
		case "ok":
			if want := ids[l[2]]; want != sent[l[1]] {
				v.fault("%s was acknowledged as %q and arrived as %s", l[2], want, sent[l[1]])
			}
		}
	}
	return ids
}

// order judges FIFO: at such an endpoint the numbers of each stream never go
// back. What a killed process had sent may be read late, after its successor's.
func (e *evidence) order(v *verdict, requests []*request, keys map[string]string) {
	fifo := map[string]bool{}
	for i := range e.endpoints {
		fifo[e.endpoints[i].path()] = e.endpoints[i].FIFO
	}
	last := map[string]int{}               // by endpoint and stream
	holder := map[string]string{}          // by endpoint
	former := map[string]map[string]bool{} // by endpoint
	for _, r := range requests {
		if !fifo[r.path] || keys[r.id] == "" {
			continue
		}
		if former[r.path] == nil {
			former[r.path] = map[string]bool{}
		}
		if e.killed[r.process] && former[r.path][r.process] && holder[r.path] != r.process {
			continue
		}
		former[r.path][r.process], holder[r.path] = true, r.process
		stream, _, n := streamOf(keys[r.id])
		if at := r.path + " " + stream; n < last[at] {
			v.fault("number %d of stream %s came to %s after number %d", n, stream, r.path, last[at])
		} else {
			last[at] = n
		}
	}
}
