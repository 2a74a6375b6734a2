// Once is a receiver that handles each message once, although it is delivered
// several times: by verify.Options.Once, with the ids in memory, in SQLite or in
// PostgreSQL. See stores.go; in a database the id is recorded in the transaction
// in which the message is handled.
//
//	go run ./once
//	go run ./once --store sqlite
//	DATABASE_URL=postgres://… go run ./once --store postgres
//
// It plays the sender too: the first of three deliveries fails halfway. In a
// database the lead is counted once; in memory twice, since nothing undoes the
// half. It ends with exit code 0 only if that is what happened.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // os.Getenv("WEBHOOK_SECRET")

func main() {
	name := flag.String("store", "memory", "where handled ids are kept: memory, sqlite or postgres")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *name)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "once:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, name string) (err error) {
	s, err := open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	// The receiver. Its first try fails when the lead is stored already, as it
	// would if the next step were a service that is away.
	away := true
	v, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected, Once: s.once})
	if err != nil {
		return err
	}
	hooks := v.Handler(verify.On(events.LeadCreated, func(ctx context.Context, m verify.Message, d events.LeadCreatedData) error {
		fmt.Fprintf(out, "  handling %s\n", m.ID)
		if err := s.count(ctx, d.Lead.ID); err != nil {
			return err
		}
		if away {
			away = false
			return errors.New("the CRM is away")
		}
		return nil
	}))

	// The sender tries again after a failure, and once more because the answer
	// got lost.
	for try := 1; try <= 3; try++ {
		lead := events.LeadCreatedData{Lead: events.Lead{ID: "lead_1"}}
		r := verifytest.NewRequest(secret, events.LeadCreated, lead, &verifytest.Options{ID: "evt_1"})
		answer := httptest.NewRecorder()
		hooks.ServeHTTP(answer, r.WithContext(ctx))
		fmt.Fprintf(out, "delivery %d of evt_1 was answered %d\n", try, answer.Code)
		if want := []int{http.StatusInternalServerError, http.StatusNoContent, http.StatusNoContent}[try-1]; answer.Code != want {
			return fmt.Errorf("want %d", want)
		}
	}
	n, err := s.counted(ctx, "lead_1")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "lead_1 was counted %d time(s), kept in %s\n", n, name)
	if n != s.want {
		return fmt.Errorf("want %d", s.want)
	}
	return nil
}
