package main

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

// hostiles are the answers that are meant to cost the sender memory.
var hostiles = []string{"gzip", "endless body", "endless header", "endless headers", "endless 103", "endless chunks", "drip"}

var hostile = scenario{
	name: "hostile", title: "Memory of an attempt at a hostile endpoint", run: runHostile, once: true,
	about: `
Endpoints answer with 100 MB of zeros in gzip, a body, a header, headers, 103
responses or chunks without end, or a byte every 100 ms.

- hostile_attempt_bytes: all memory that one attempt allocates, freed or not, at
  the worst of them; the mean of 5 attempts
- hostile_*x*_bytes: the same at each`,
}

func runHostile(b *bench) error {
	var scripts []Script
	for i, answer := range hostiles {
		scripts = append(scripts, Script{From: i, To: i + 1, Answer: answer})
	}
	if err := b.script(scripts...); err != nil {
		return err
	}
	var allocated []float64
	if err := b.alone("Lab.Hostile", b.hosts, &allocated); err != nil {
		return err
	}
	b.add("hostile_attempt_bytes", slices.Max(allocated), "bytes")
	for i, answer := range hostiles {
		b.add("hostile_"+strings.ReplaceAll(answer, " ", "_")+"_bytes", allocated[i], "bytes")
	}
	return nil
}

// Hostile returns what an attempt allocates at each of the hostiles.
func (*Lab) Hostile(hosts []string, reply *[]float64) error {
	ctx := context.Background()
	l, err := newLibrary(inMemory())
	if err != nil {
		return err
	}
	for i := range hostiles {
		e, err := l.d.CreateEndpoint(ctx, webhook.Endpoint{
			Account: account(i), Name: "Hostile", URL: url(hosts, i), Events: []string{eventType}, Secret: secret,
			Timeout: time.Second,
		})
		if err != nil {
			return err
		}
		const attempts = 5
		var before, after runtime.MemStats
		for n := range attempts + 1 { // the first one meets what is made once
			if n == 1 {
				runtime.ReadMemStats(&before)
			}
			if _, err := l.d.Test(ctx, e.Account, e.ID, eventType, webhook.EndpointPatch{}); err != nil {
				return err
			}
		}
		runtime.ReadMemStats(&after)
		*reply = append(*reply, float64(after.TotalAlloc-before.TotalAlloc)/attempts)
	}
	return nil
}
