package sim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

// world is one run of a plan.
type world struct {
	plan  *Plan
	began time.Time
	open  func() webhook.Store
	store webhook.Store // what the judges read
	net   *webhooktest.Network

	background sync.WaitGroup // processes
	steps      sync.WaitGroup

	order sync.Mutex // held by whoever calls the store, unless calls may overlap; before mu

	mu         sync.Mutex
	slots      []*process // those that run, by slot; nil while it is down
	lives      int        // processes so far
	calm       bool       // faults have ended
	over       bool       // receivers are as they will be for ever
	late       int        // calls that arrive late
	landed     sync.Cond  // one of them did
	lanes      map[string]*lane
	laneList   []*lane
	offered    map[string]*event // what an Append is about to store, or has stored
	events     map[string]*event
	acked      []acked
	keys       map[string]*event
	handings   []*handing
	byBody     map[*byte]*handing
	asked      map[webhook.Hold]time.Time
	pauses     []*pauseBook
	pauseSeq   int64
	refused    map[string]bool // markers of what was refused
	deadlines  map[*lane]time.Time
	lastBegan  time.Time
	lastLook   time.Time // when what still waits was looked at
	troubles   []trouble
	history    []entry
	violations []Violation
	broken     map[string]int
	counts     Counts
}

// datum is the data of every event.
type datum struct {
	N   int    `json:"n"`
	Pad string `json:"pad"`
}

func catalogue() []events.Type {
	var out []events.Type
	for _, t := range types {
		out = append(out, events.Of(t, "Simulated", "Something happened", func() datum { return datum{N: 1} }))
	}
	return out
}

// Run plays a plan and says what came of it. Each process calls open for its
// store, all of them on the same contents. A plan of [NewPlan] must be played in
// a synctest bubble, one of [NewSmallPlan] outside.
func Run(plan *Plan, open func() webhook.Store) *Report {
	w := &world{
		plan: plan, began: time.Now(), net: webhooktest.NewNetwork(), open: open, store: open(),
		slots: make([]*process, plan.Processes), lanes: map[string]*lane{}, offered: map[string]*event{}, events: map[string]*event{}, keys: map[string]*event{},
		byBody: map[*byte]*handing{}, asked: map[webhook.Hold]time.Time{}, pauseSeq: 1, refused: map[string]bool{},
		deadlines: map[*lane]time.Time{}, broken: map[string]int{},
	}
	w.landed.L = &w.mu
	for _, e := range plan.Endpoints {
		w.net.Handle(e.Host, http.HandlerFunc(w.receive))
	}
	admin := w.newProcess("admin", true, false)
	w.create(admin)
	for i := range w.slots {
		w.start(i)
	}
	watched := w.watchMachine()
	w.play()
	w.calmDown()
	w.finish(admin)
	admin.die()
	watched()
	w.background.Wait()
	_ = w.net.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judge()
	return w.report()
}

// create makes the endpoints: those that come later in steps.
func (w *world) create(admin *process) {
	for _, e := range w.plan.Endpoints {
		do := func() {
			_, err := admin.d.CreateEndpoint(context.Background(), webhook.Endpoint{
				Account: e.Account, Name: e.Name, URL: "https://" + e.Host + "/" + e.Name + "/0", Events: e.Types, Secret: e.Secret,
				Timeout: e.Timeout, MaxInFlight: e.MaxInFlight, PerSecond: e.PerSecond, FIFO: e.FIFO,
			})
			if err != nil {
				panic(err)
			}
		}
		if e.Created == 0 {
			do()
			continue
		}
		w.steps.Go(func() {
			time.Sleep(e.Created)
			do()
		})
	}
}

func (w *world) endpointPlan(name string) *EndpointPlan {
	for _, e := range w.plan.Endpoints {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// play does the steps at their times.
func (w *world) play() {
	for _, s := range w.plan.Steps {
		time.Sleep(time.Until(w.began.Add(s.At)))
		w.steps.Go(func() { s.Do(w) })
	}
	time.Sleep(time.Until(w.began.Add(w.plan.Horizon)))
}

// start begins the next life of a slot.
func (w *world) start(slot int) {
	w.mu.Lock()
	w.lives++
	name := fmt.Sprintf("p%d.%d", slot, w.lives)
	w.mu.Unlock()
	p := w.newProcess(name, false, true)
	w.mu.Lock()
	w.slots[slot] = p
	w.note(p, nil, 0, "begins")
	w.mu.Unlock()
}

// take takes a process out of its slot, or returns nil if it is down.
func (w *world) take(slot int, why string) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.slots[slot]
	w.slots[slot] = nil
	if p != nil {
		w.note(p, nil, 0, "%s", why)
	}
	return p
}

// crash kills a process: no call of the store and no byte leaves it any more.
// Another begins some time later.
func (w *world) crash(slot int, down time.Duration) {
	p := w.take(slot, "crashes")
	if p == nil {
		return
	}
	w.mu.Lock()
	w.counts.Crashes++
	w.mu.Unlock()
	p.die()
	p.end()
	time.Sleep(down)
	w.start(slot)
}

// freeze stops a process for a while: its calls and answers come late.
func (w *world) freeze(slot int, d time.Duration) {
	w.mu.Lock()
	p := w.slots[slot]
	if p != nil {
		w.counts.Pauses++
		w.note(p, nil, 0, "is frozen for %v", d)
	}
	w.mu.Unlock()
	if p == nil {
		return
	}
	p.freeze()
	time.Sleep(d)
	p.unfreeze()
}

// restart ends a process as a deployment does, and begins another.
func (w *world) restart(slot int, down time.Duration) {
	p := w.take(slot, "is told to end")
	if p == nil {
		return
	}
	w.stop(p, false)
	time.Sleep(down)
	w.start(slot)
}

// stop ends a process and waits for it.
func (w *world) stop(p *process, clean bool) {
	w.mu.Lock()
	w.counts.Restarts++
	p.stopping = time.Now()
	w.mu.Unlock()
	p.end()
	err := <-p.ran
	st, _ := p.d.Stats(context.Background())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(p, nil, 0, "ended: %v", err)
	if err != nil && !errors.Is(err, errWaiting) && (clean || !p.troubled(p.stopping, time.Now())) {
		w.violate("stop", nil, 0, "%s could not give everything back: %v", p.name, err)
	}
	attempts := int64(0)
	for _, n := range st.Attempts {
		attempts += int64(n)
	}
	if st.InFlight != 0 || st.Lanes != 0 || attempts != p.observed.Load() {
		w.violate("stats", nil, 0, "%s ended with %d requests, %d lanes; it counts %d attempts, %d were observed", p.name, st.InFlight, st.Lanes, attempts, p.observed.Load())
	}
	p.die()
}

// later makes a call arrive late.
func (w *world) later(d time.Duration, do func()) {
	w.mu.Lock()
	w.counts.Late++
	w.late++
	w.mu.Unlock()
	go func() {
		time.Sleep(d)
		do()
		w.mu.Lock()
		w.late--
		w.landed.Broadcast()
		w.mu.Unlock()
	}()
}

// allArrived waits for calls that arrive late. There may be new ones meanwhile.
func (w *world) allArrived() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.late > 0 {
		w.landed.Wait()
	}
}

// running returns the process of a slot, or of another slot while that is down.
func (w *world) running(slot int) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.slots {
		if p := w.slots[(slot+i)%len(w.slots)]; p != nil {
			return p
		}
	}
	return nil
}
