// Outbox is a small backend on PostgreSQL whose bookings and webhooks cannot
// disagree: app.go stores a meeting and emits meeting.booked in one
// transaction. To show it, this program starts itself again, as a process that
// books a meeting and kills itself on the way: once before the commit and once
// after it. Then it looks at what is there, and delivers.
//
//	DATABASE_URL=postgres://… go run ./outbox
//
// It ends with exit code 0 only if everything that it announces has happened.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// The moments at which a process dies.
const (
	beforeCommit = "before-commit"
	afterCommit  = "after-commit"
)

const account = "acct_1"

var errAddress = errors.New(`DATABASE_URL is not set: it is the address of a PostgreSQL database, in which this program makes
two schemas and drops them at its end. If you have none, this starts one:

    docker run --rm -d -p 127.0.0.1:5432:5432 -e POSTGRES_PASSWORD=outbox postgres:15
    export DATABASE_URL=postgres://postgres:outbox@127.0.0.1:5432/postgres

or install the one of your system, such as by apt-get install postgresql`)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch address := os.Getenv("DATABASE_URL"); {
	case address == "":
		err = errAddress
	case len(os.Args) == 2:
		err = bookAndDie(ctx, address, os.Args[1])
	default:
		err = run(ctx, os.Stdout, address)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "outbox:", err)
		os.Exit(2)
	}
}

// bookAndDie is the process that does not live to see the end.
func bookAndDie(ctx context.Context, address, moment string) error {
	a, err := open(ctx, address, nil)
	if err != nil {
		return err
	}
	a.reached = func(m string) {
		if self, err := os.FindProcess(os.Getpid()); m == moment && err == nil {
			_ = self.Kill() // SIGKILL: no deferred function runs, nothing is closed
			time.Sleep(time.Minute)
		}
	}
	err = a.book(ctx, meeting{id: "m_1", account: account, lead: "lead_42", title: "Demo", start: time.Now().Add(24 * time.Hour)})
	return errors.Join(err, fmt.Errorf("it was to be killed %s", moment))
}

// process starts bookAndDie and waits until it is dead.
func process(ctx context.Context, moment string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, moment)
	cmd.Stderr = os.Stderr
	err = cmd.Run()
	var dead *exec.ExitError
	if !errors.As(err, &dead) || dead.ExitCode() == 2 { // 2 is that of main
		return fmt.Errorf("the process that books was not killed %s, but ended with: %v", moment, err)
	}
	return nil
}

func run(ctx context.Context, out io.Writer, address string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := drop(address); err != nil { // what an earlier run left that was killed
		return err
	}
	defer func() { err = errors.Join(err, drop(address)) }()

	customer, received, err := receive()
	if err != nil {
		return err
	}
	defer customer.Close()
	a, err := open(ctx, address, &webhook.Options{ // the defaults, but for webhooks to this machine
		AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		TLS:           customer.Client().Transport.(*http.Transport).TLSClientConfig,
	})
	if err != nil {
		return err
	}
	defer a.close()

	fmt.Fprintln(out, "1. A webhook is registered and renamed, each time with a line in the backend's own audit table.")
	e, err := a.audited(ctx, "ann@example.com", "registered", func(ctx context.Context, tx webhook.Tx) (webhook.Endpoint, error) {
		return a.webhooks.CreateEndpointTx(ctx, tx, webhook.Endpoint{
			Account: account, Name: "CRM", URL: customer.URL, Events: []webhook.EventType{events.MeetingBooked}, Secret: secret,
		})
	})
	if err != nil {
		return err
	}
	e, err = a.audited(ctx, "ben@example.com", "renamed", func(ctx context.Context, tx webhook.Tx) (webhook.Endpoint, error) {
		return a.webhooks.UpdateEndpointTx(ctx, tx, account, e.ID, e.Version, webhook.EndpointPatch{Name: webhook.Set("CRM Sync")})
	})
	if err != nil {
		return err
	}
	if lines, err := a.count(ctx, "outbox_example.audit"); err != nil {
		return err
	} else if lines != 2 {
		return fmt.Errorf("the audit table has %d lines, want 2", lines)
	}
	fmt.Fprintf(out, "   %s was last changed by %s\n", e.Name, e.ChangedBy)

	for _, c := range []struct {
		title, moment string
		n             int
	}{
		{"2. A process books a meeting and is killed after the emit, before the commit.", beforeCommit, 0},
		{"3. The meeting is booked again, and the process is killed after the commit, before anything else.", afterCommit, 1},
	} {
		fmt.Fprintln(out, c.title)
		if err := process(ctx, c.moment); err != nil {
			return err
		}
		meetings, err := a.count(ctx, "outbox_example.meetings")
		if err != nil {
			return err
		}
		stats, err := a.webhooks.Stats(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "   meetings: %d, deliveries that wait: %d\n", meetings, stats.Pending)
		if meetings != c.n || stats.Pending != c.n {
			return fmt.Errorf("want %d of each", c.n)
		}
	}

	fmt.Fprintln(out, "4. Another process delivers.")
	running, stop := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- a.webhooks.Run(running) }()
	err = a.webhooks.Drain(ctx)
	stop()
	if err := errors.Join(err, <-ran); err != nil {
		return err
	}
	if got := received(); len(got) != 1 || got[0].Event != events.MeetingBooked {
		return fmt.Errorf("the customer received %d messages, want meeting.booked once", len(got))
	}
	fmt.Fprintln(out, "   the customer received meeting.booked once, verified")
	return nil
}
