package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// A tool stands in for Zapier's Catch Hook and Make's custom webhook. It takes
// any JSON, knows nothing of signatures, and runs a workflow for every request
// that the workflow's first step has not seen.
type tool struct {
	separator string // between the names of nested fields
	answer    func(w http.ResponseWriter)

	mu   sync.Mutex
	off  bool // nothing listens
	busy int  // requests that are still over the limit
	got  int  // requests taken
	seen map[string]bool
	runs []run
}

// run is one run of the workflow.
type run struct {
	key    string
	fields []field
}

// field is what a person sees to choose from.
type field struct{ name, value string }

func newZapier() *tool {
	return &tool{separator: "__", seen: map[string]bool{}, answer: func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"attempt": rand.Text(), "id": rand.Text(), "request_id": rand.Text(), "status": "success"})
	}}
}

func newMake() *tool {
	return &tool{separator: ".", seen: map[string]bool{}, answer: func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "Accepted")
	}}
}

// taken returns the runs of the workflow, and how many requests were taken.
func (t *tool) taken() (runs []run, requests int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.runs), t.got
}

// exhaust uses up the limit of requests for the next n.
func (t *tool) exhaust(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy = n
}

// turnOff ends the listening, as when a scenario of Make is turned off.
func (t *tool) turnOff() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.off = true
}

func (t *tool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	switch {
	case err != nil:
		http.Error(w, "the body broke off", http.StatusBadRequest)
	case t.off:
		http.Error(w, "There is no scenario listening for this webhook.", http.StatusGone)
	case t.busy > 0:
		t.busy--
		http.Error(w, "too many requests", http.StatusTooManyRequests)
	default:
		fields, err := flatten(body, t.separator)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		t.got++
		if key := Key(body); !t.seen[key] {
			t.seen[key] = true
			t.runs = append(t.runs, run{key, fields})
		}
		t.answer(w) // 200, also for a repetition
	}
}

// flatten lists the fields of a body in their order. A list of objects is shown
// as its first one, and an empty list as a field.
func flatten(body []byte, separator string) (out []field, err error) {
	if !json.Valid(body) { // which bounds the depth too
		return nil, errors.New("no JSON")
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	var value func(name string) error
	value = func(name string) error {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'):
			for d.More() {
				key, err := d.Token()
				if err != nil {
					return err
				}
				inner := key.(string)
				if name != "" {
					inner = name + separator + inner
				}
				if err := value(inner); err != nil {
					return err
				}
			}
			_, err = d.Token()
			return err
		case json.Delim('['):
			before, n := len(out), 0
			for ; d.More(); n++ {
				kept := len(out)
				if err := value(name); err != nil {
					return err
				}
				if n > 0 {
					out = out[:kept]
				}
			}
			if len(out) == before {
				out = append(out, field{name, "[]"})
			}
			_, err = d.Token()
			return err
		case nil:
			out = append(out, field{name, "null"})
		default:
			out = append(out, field{name, fmt.Sprint(t)})
		}
		return nil
	}
	if err := value(""); err != nil {
		return nil, err
	}
	return out, nil
}
