package main

import (
	"context"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/examples/internal/standin"
	"github.com/autoreach/webhook/verify/verifytest"
)

const secret = "whsec_c2hvd24gb25jZSB0byB0aGUgY3VzdG9tZXIuIQ=="

func TestDemonstration(t *testing.T) {
	var out standin.Output
	if err := demonstrate(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"jobs that wait: 1", "the model is down", "lead_sample_01: Lumenfjord & Daughters", "3 messages to 2 leads"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
}

func started(t *testing.T, file string, analyse func(context.Context, events.EnrichmentCompletedData) (string, error)) *process {
	t.Helper()
	p, err := start(context.Background(), file, secret, analyse, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.db.Close() })
	return p
}

func jobs(t *testing.T, p *process) int {
	t.Helper()
	n, err := count(t.Context(), p.db, "jobs")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The process dies in the midst of the analysis, and when it is finished but not
// kept: the job is there, and is done by the next process.
func TestCrash(t *testing.T) {
	for name, finished := range map[string]bool{"while it analyses": false, "when it has analysed": true} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "enrichment.db")
			dying, die := context.WithCancel(t.Context())
			p := started(t, file, func(ctx context.Context, d events.EnrichmentCompletedData) (string, error) {
				die() // nothing that begins from now on happens
				if finished {
					return analyse(ctx, d)
				}
				return "", ctx.Err()
			})
			s, err := standin.NewSender(p.handler)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Subscribe(t.Context(), "/enrichment", secret, events.EnrichmentCompleted); err != nil {
				t.Fatal(err)
			}
			if err := s.Emit(t.Context(), events.EnrichmentCompleted, standin.Sample(events.EnrichmentCompleted)); err != nil {
				t.Fatal(err)
			}
			if err := p.work(dying); err != nil {
				t.Fatal(err)
			}
			if n := jobs(t, p); n != 1 {
				t.Errorf("%d jobs are left, want 1", n)
			}
			if err := p.db.Close(); err != nil {
				t.Fatal(err)
			}

			next := started(t, file, analyse)
			s.Restart(next.handler)
			if _, err := s.Redeliver(t.Context()); err != nil { // recognised
				t.Fatal(err)
			}
			if n := jobs(t, next); n != 1 {
				t.Errorf("%d jobs after it was delivered again, want 1", n)
			}
			if did, err := next.one(t.Context()); !did || err != nil {
				t.Errorf("nothing was done: %v", err)
			}
			if r, err := next.results(t.Context()); err != nil || len(r) != 1 || jobs(t, next) != 0 {
				t.Errorf("results %v, %v, %d jobs left", r, err, jobs(t, next))
			}
		})
	}
}

// A job that never succeeds does not hold up the others, and stays to be seen.
func TestHopeless(t *testing.T) {
	p := started(t, filepath.Join(t.TempDir(), "enrichment.db"), func(ctx context.Context, d events.EnrichmentCompletedData) (string, error) {
		if d.Lead.ID == "lead_bad" {
			return "", errors.New("no company")
		}
		return analyse(ctx, d)
	})
	for i, id := range []string{"lead_bad", "lead_good"} {
		d := standin.Sample(events.EnrichmentCompleted).(events.EnrichmentCompletedData)
		d.Lead.ID = id
		rec := httptest.NewRecorder()
		req := verifytest.NewRequest(secret, events.EnrichmentCompleted, d, &verifytest.Options{OccurredAt: time.Unix(int64(i), 0)})
		req.URL.Path = "/enrichment"
		p.handler.ServeHTTP(rec, req)
		if rec.Code != 204 {
			t.Fatalf("answered %d", rec.Code)
		}
	}
	for range 2 {
		if did, err := p.one(t.Context()); !did || err != nil {
			t.Fatal(did, err)
		}
	}
	if r, err := p.results(t.Context()); err != nil || len(r) != 1 || r["lead_good"] == "" {
		t.Errorf("results %v, %v", r, err)
	}
	for n := 1; n < maxAttempts; n++ {
		if _, err := p.db.Exec("UPDATE jobs SET not_before = 0"); err != nil { // the time has come
			t.Fatal(err)
		}
		if did, err := p.one(t.Context()); !did || err != nil {
			t.Fatal(n, did, err)
		}
	}
	if _, err := p.db.Exec("UPDATE jobs SET not_before = 0"); err != nil {
		t.Fatal(err)
	}
	if did, err := p.one(t.Context()); did || err != nil || jobs(t, p) != 1 {
		t.Errorf("after %d attempts: done %v, %v, %d jobs", maxAttempts, did, err, jobs(t, p))
	}
}

func TestRefused(t *testing.T) {
	p := started(t, filepath.Join(t.TempDir(), "enrichment.db"), analyse)
	for path, event := range map[string]string{"/enrichment": events.EnrichmentCompleted, "/outreach": events.MessageSent} {
		for _, c := range []struct {
			secret string
			test   bool
			status int
		}{{"another secret of 16", false, 401}, {secret, true, 204}} {
			rec := httptest.NewRecorder()
			req := verifytest.NewRequest(c.secret, event, standin.Sample(event), &verifytest.Options{Test: c.test})
			req.URL.Path = path
			p.handler.ServeHTTP(rec, req)
			if rec.Code != c.status {
				t.Errorf("%s: answered %d, want %d", path, rec.Code, c.status)
			}
		}
	}
	if r, err := outreach(t.Context(), p.db); err != nil || len(r) != 0 || jobs(t, p) != 0 {
		t.Errorf("report %v, %v; %d jobs", r, err, jobs(t, p))
	}
}
