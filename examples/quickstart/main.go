// Quickstart shows the whole library in one run, on this machine alone. It
// plays both parts: the product that sends webhooks (this file) and the
// customer who receives them (receiver.go).
//
//	go run ./quickstart
//	go run ./quickstart --store memory
//	DATABASE_URL=postgres://… go run ./quickstart --store postgres
//
// Webhooks are kept in an SQLite file unless --store says otherwise; see
// store.go. Every run has a file, or a schema, of its own and removes it at
// its end.
//
// It ends with exit code 0 only if everything that it announces has happened.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

const account = "acct_1" // whose webhooks these are: a customer of the product

// The three webhooks beside those for the seven events.
const (
	flaky   = "Flaky CRM"     // answers 500 twice, then works
	silent  = "Silent server" // takes every request and never answers
	deleted = "Old CRM"       // deleted before the events happen
)

func main() {
	name := flag.String("store", "sqlite", "where webhooks are kept: sqlite, memory or postgres")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	k, err := newKeeper(*name)
	if err == nil {
		err = errors.Join(run(ctx, os.Stdout, newReceiver(), k), k.remove())
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, recv *receiver, k *keeper) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	p := &printer{out: out, began: time.Now()}

	p.title("1. A receiver, with HTTPS on this machine")
	if err := recv.start(p); err != nil {
		return err
	}
	defer recv.server.Close()
	p.say("listening on %s", recv.url)

	// The dispatcher is what a product's backend embeds. New(store, nil) has
	// the defaults for production. These options are for a demonstration:
	// webhooks to this machine, short delays.
	changes := make(chan webhook.Change, 100)
	options := &webhook.Options{
		AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		TLS:           recv.client.Transport.(*http.Transport).TLSClientConfig,
		Timeout:       time.Second,
		Retry:         webhook.Schedule{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond},
		OnChange:      func(c webhook.Change) { changes <- c }, // such as to mail the customer
	}
	store, closeStore, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer closeStore()
	d, err := webhook.New(store, options)
	if err != nil {
		return err
	}

	p.title("2. Webhooks: one for each of the seven events, and three with something to show")
	ids, names := map[string]string{}, map[string]string{}
	create := func(name string, event webhook.EventType) error {
		secret := webhook.GenerateSecret() // shown once to the customer, who verifies with it
		url, err := recv.mount(name, secret.Reveal())
		if err != nil {
			return err
		}
		e, err := d.CreateEndpoint(ctx, webhook.Endpoint{
			Account: account, Name: name, URL: url, Events: []webhook.EventType{event}, Secret: secret,
		})
		p.say("%-20s for %s", name, event)
		ids[name], names[e.ID] = e.ID, name
		return err
	}
	for _, t := range events.All() {
		if err := create(t.Title, t.Name); err != nil {
			return err
		}
	}
	if err := errors.Join(create(flaky, events.MeetingBooked), create(silent, events.ReplyReceived),
		create(deleted, events.LeadCreated)); err != nil {
		return err
	}

	p.title("3. A test send to %s, which is then deleted", deleted)
	test, err := d.Test(ctx, account, ids[deleted], events.LeadScored, webhook.EndpointPatch{})
	if err != nil {
		return err
	}
	p.say("test send of %s: %s, answered %d", events.LeadScored, test.Result, test.Status)
	if err := d.DeleteEndpoint(ctx, account, ids[deleted]); err != nil {
		return err
	}
	p.say("%s is deleted: it gets nothing any more", deleted)

	p.title("4. The seven events happen, and the process ends before it delivers")
	emitted := 0
	for _, t := range events.All() {
		sent, err := d.Emit(ctx, webhook.Event{Account: account, Type: t.Name, Data: t.Sample()})
		if err != nil {
			return err
		}
		emitted += sent.Deliveries
		p.say("%-21s emitted, goes to %d", t.Name, sent.Deliveries)
	}
	if err := closeStore(); err != nil { // nothing is left of this dispatcher
		return err
	}
	p.say("kept in %s", k.place)

	p.title("5. The process starts again, and delivers what it finds")
	store, closeStore, err = k.open(ctx)
	if err != nil {
		return err
	}
	defer closeStore()
	if d, err = webhook.New(store, options); err != nil {
		return err
	}
	found, err := d.Stats(ctx)
	if err != nil {
		return err
	}
	p.say("%d deliveries wait. Short delays here: retries after 0.2, 0.4 and 0.8 s, and no answer", found.Pending)
	p.say("within 1 s is a failure. By default: retries after 30 s, 10 min and 2 h, timeout 15 s.")
	running, stopRunning := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- d.Run(running) }() // delivers until running ends
	stop := sync.OnceValue(func() error { stopRunning(); return <-ran })
	defer stop()
	// A server has no need to wait; this program ends when all is decided.
	if err := d.Drain(ctx); err != nil {
		return errors.Join(err, stop())
	}

	p.title("6. What the customer sees in the list of webhooks")
	health := map[string]webhook.Health{} // by name
	for e, err := range d.Endpoints(ctx, account) {
		if err != nil {
			return err
		}
		health[e.Name] = e.Health
		if e.Health.InError {
			p.say("%-20s error: %s", e.Name, e.Health.Reason)
		} else {
			p.say("%-20s %s (%d)", e.Name, e.Health.Last, e.Health.Status)
		}
	}

	p.title("7. What the customer sees in the log of a webhook")
	logged := map[string]webhook.DeliveryRecord{} // by name; one event went to each
	for name, id := range ids {
		page, err := d.ListDeliveries(ctx, webhook.DeliveryQuery{Account: account, Endpoint: id})
		if err != nil {
			return err
		}
		if len(page) == 1 {
			logged[name] = page[0]
		}
	}
	for _, name := range []string{flaky, silent} {
		for _, a := range logged[name].Attempts {
			p.say("%-13s %s, attempt %d: %s", name, logged[name].Type, a.N, result(a))
		}
	}

	p.title("8. A forged request to %s", events.All()[0].Title)
	forged, err := recv.forge(events.All()[0].Title)
	if err != nil {
		return err
	}
	p.say("without the secret: answered %d", forged)

	if err := stop(); err != nil {
		return err
	}
	close(changes)
	p.title("9. What the product was told, to tell the customer")
	told := map[string]string{} // by name
	for c := range changes {
		name := names[c.Endpoint]
		p.say("%s", strings.TrimSuffix(fmt.Sprintf("%-13s %s: %s", name, c.Kind, c.Reason), ": "))
		told[name] += string(c.Kind) + " "
	}

	p.title("Checked")
	var missing []string
	check := func(ok bool, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if !ok {
			missing = append(missing, text)
			text = "MISSING: " + text
		}
		p.say("%s", text)
	}
	check(emitted == 9 && found.Pending == 9, "all %d deliveries outlived the dispatcher that emitted them", emitted)
	for _, t := range events.All() {
		check(recv.got(t.Title, t.Name, false, t.Sample()) && logged[t.Title].State == webhook.StateDelivered,
			"%s arrived once and verified, with the data that was emitted", t.Name)
	}
	check(attempts(logged[flaky]) == "500 500 204" && recv.seen(flaky) == 3, "%s failed twice", flaky)
	check(health[flaky].Last == webhook.LastDelivered && told[flaky] == "failing recovered ", "%s recovered", flaky)
	check(attempts(logged[silent]) == "0 0 0 0" && recv.seen(silent) == 4 && logged[silent].State == webhook.StateDead,
		"%s was tried once, then 3 times again, then given up", silent)
	check(health[silent].InError && health[silent].Reason != "" && told[silent] == "failing error ",
		"%s has the error status with its reason", silent)
	check(test.Result == webhook.ResultDelivered && recv.got(deleted, events.LeadScored, true, sample(events.LeadScored)),
		"the test send arrived and verified, marked as a test")
	_, err = d.Endpoint(ctx, account, ids[deleted])
	check(errors.Is(err, webhook.ErrNotFound) && recv.seen(deleted) == 1, "%s got nothing after it was deleted", deleted)
	check(forged == http.StatusUnauthorized, "the forged request was refused")
	if len(missing) > 0 {
		return fmt.Errorf("this did not happen: %s", strings.Join(missing, "; "))
	}
	p.say("All of it in %.1f s.", time.Since(p.began).Seconds())
	return nil
}

// result says what came of an attempt.
func result(a webhook.Attempt) string {
	if a.Error == "" {
		return fmt.Sprintf("%s, answered %d", a.Result, a.Status)
	}
	return fmt.Sprintf("%s, %s", a.Result, a.Error)
}

// attempts lists the statuses of a delivery's attempts; 0 is no answer.
func attempts(r webhook.DeliveryRecord) string {
	var statuses []string
	for _, a := range r.Attempts {
		statuses = append(statuses, fmt.Sprint(a.Status))
	}
	return strings.Join(statuses, " ")
}

func sample(event string) any {
	for _, t := range events.All() {
		if t.Name == event {
			return t.Sample()
		}
	}
	return nil
}
