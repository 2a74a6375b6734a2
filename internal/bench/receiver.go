package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// hosts is how many addresses the receiver listens on: endpoint i has its URL
// at host i % hosts, so that connections, and limits for a host, are those of
// different customers.
const hosts = 100

// Receiver is all endpoints. They answer 204 unless scripted otherwise.
type Receiver struct {
	scripts atomic.Pointer[[]Script]
	sick    atomic.Int64 // requests that a script has in hand

	mu    sync.Mutex
	log   []Arrival
	slots []int // sick, every 50 ms
}

// A Script says how endpoints answer.
type Script struct {
	From, To int // endpoints From to To-1
	Answer   string
}

// An Arrival is one request that was answered 204.
type Arrival struct {
	Endpoint int32
	Sent, At int64 // nanoseconds of this machine's clock
}

// Report is what came since the last Script.
type Report struct {
	Arrivals []Arrival
	Slots    []int // requests in flight at scripted endpoints, every 50 ms
}

// Listen starts n addresses with one port and returns them.
func (r *Receiver) Listen(n int, reply *[]string) error {
	r.scripts.Store(&[]Script{})
	server := &http.Server{Handler: r}
	port := 0
	for i := range n {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.%d.%d:%d", 1+i/200, 1+i%200, port))
		if err != nil {
			return err
		}
		port = l.Addr().(*net.TCPAddr).Port
		*reply = append(*reply, l.Addr().String())
		go func() { _ = server.Serve(l) }()
	}
	go func() {
		for range time.Tick(50 * time.Millisecond) {
			r.mu.Lock()
			r.slots = append(r.slots, int(r.sick.Load()))
			r.mu.Unlock()
		}
	}()
	return nil
}

// Script sets how endpoints answer from now on, and forgets what came.
func (r *Receiver) Script(s []Script, _ *Nothing) error {
	r.scripts.Store(&s)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log, r.slots = nil, nil
	return nil
}

// Revive makes all endpoints answer 204 from now on, and forgets nothing.
func (r *Receiver) Revive(Nothing, *Nothing) error {
	r.scripts.Store(&[]Script{})
	return nil
}

// Report returns what came since the last Script.
func (r *Receiver) Report(_ Nothing, reply *Report) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	*reply = Report{Arrivals: r.log, Slots: r.slots}
	return nil
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	endpoint, err := strconv.Atoi(req.URL.Path[1:])
	if err != nil {
		http.NotFound(w, req)
		return
	}
	body := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(req.Body); err != nil {
		return
	}
	at := time.Now().UnixNano()
	for _, s := range *r.scripts.Load() {
		if s.From <= endpoint && endpoint < s.To {
			r.sick.Add(1)
			defer r.sick.Add(-1)
			if !answers[s.Answer](w, req) {
				return
			}
			break
		}
	}
	w.WriteHeader(http.StatusNoContent)
	r.mu.Lock()
	r.log = append(r.log, Arrival{Endpoint: int32(endpoint), Sent: sentAt(body.Bytes()), At: at})
	r.mu.Unlock()
}
