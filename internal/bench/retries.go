package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/webhooktest"
)

var retries = scenario{
	name: "retries", title: "How retries spread", run: runRetries, once: true,
	about: `
10,000 endpoints answer 500, and get one event each in the same second. This
runs in fake time, with the real engine, net/http and the default delays: 30 s,
10 min, 2 h, each up to 10 % longer.

- retries_*n*_peak_percent: of the first, second and third retries, the share
  that came in the busiest second`,
}

func runRetries(b *bench) error {
	var spread [][]int
	if err := b.alone("Lab.Retries", b.count(10_000), &spread); err != nil {
		return err
	}
	var lines []series
	for i, name := range []string{"first", "second", "third"} {
		total, most := 0, 0
		for _, n := range spread[i] {
			total, most = total+n, max(most, n)
		}
		b.add("retries_"+name+"_peak_percent", 100*float64(most)/float64(total), "%")
		var points []point
		for second, n := range spread[i] {
			points = append(points, point{float64(second + 1), 100 * float64(n) / float64(total)})
		}
		lines = append(lines, series{name, points})
	}
	b.plot("retries", plot{
		title: "Retries after 10,000 failures in one second", x: "seconds since the first of its kind", y: "% in each second",
		logX: true, series: lines,
	})
	return nil
}

// Retries returns how many of the first, second and third retries came in each
// second, from the first one of each kind on.
func (*Lab) Retries(endpoints int, spread *[][]int) error {
	return bubble(func(t *testing.T) error {
		var mu sync.Mutex
		arrivals := make([][]time.Time, endpoints)
		network := webhooktest.NewNetwork()
		defer func() { _ = network.Close() }()
		network.Handle("down.example.com", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			i, _ := strconv.Atoi(req.URL.Path[1:])
			mu.Lock()
			arrivals[i] = append(arrivals[i], time.Now())
			mu.Unlock()
			w.WriteHeader(http.StatusInternalServerError)
		}))
		d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Events: catalogue, Transport: network.Transport()})
		if err != nil {
			return err
		}
		var running sync.WaitGroup
		defer running.Wait()
		for i := range endpoints {
			if _, err := d.CreateEndpoint(t.Context(), webhook.Endpoint{
				Account: account(i), Name: "Endpoint", URL: "https://down.example.com/" + strconv.Itoa(i),
				Events: []string{eventType}, Secret: secret,
			}); err != nil {
				return err
			}
			if _, err := d.Emit(t.Context(), newEvent(i, 1, payloadSize)); err != nil {
				return err
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		running.Go(func() { _ = d.Run(ctx) })
		for came := 0; came < 4*endpoints; { // asking the dispatcher would take longer than all the rest
			time.Sleep(time.Minute)
			came = 0
			mu.Lock()
			for _, a := range arrivals {
				came += len(a)
			}
			mu.Unlock()
		}
		*spread, err = bySecond(arrivals)
		return err
	})
}

// bySecond counts the arrivals of each kind in each second.
func bySecond(arrivals [][]time.Time) ([][]int, error) {
	out := make([][]int, 3)
	for kind := range out {
		var first time.Time
		for _, ts := range arrivals {
			if len(ts) != 4 {
				return nil, fmt.Errorf("an endpoint got %d attempts, not 4", len(ts))
			}
			if t := ts[kind+1]; first.IsZero() || t.Before(first) {
				first = t
			}
		}
		for _, ts := range arrivals {
			second := int(ts[kind+1].Sub(first) / time.Second)
			for len(out[kind]) <= second {
				out[kind] = append(out[kind], 0)
			}
			out[kind][second]++
		}
	}
	return out, nil
}

// bubble runs f in fake time, once in the life of a process. Package synctest
// wants a test for that, and package testing a whole run of tests, which would
// end the process: so this one never ends.
func bubble(f func(t *testing.T) error) error {
	done := make(chan error)
	go testing.Main(regexp.MatchString, []testing.InternalTest{{Name: "Bubble", F: func(t *testing.T) {
		var err error
		synctest.Test(t, func(t *testing.T) { err = f(t) })
		done <- err
		select {}
	}}}, nil, nil)
	return <-done
}
