// Catchhook shows what Zapier (Catch Hook) and Make (custom webhook) make of
// AutoReach's webhooks: which fields a person can choose from, that they are all
// there from the first sample on, and how to leave out repetitions without
// looking at headers. Both tools are stand-ins on this machine. There is nothing
// to set: a catch hook's URL is the webhook's URL, and the only credential.
//
//	go run ./catchhook
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/examples/internal/standin"
)

func main() { standin.Main("catchhook", demonstrate) }

func demonstrate(ctx context.Context, out io.Writer) (err error) {
	zapier, scenario := newZapier(), newMake()
	mux := http.NewServeMux()
	mux.Handle("POST /hooks/catch/123/abc/", zapier)
	mux.Handle("POST /make", scenario)
	sender, err := standin.NewSender(mux)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sender.Close()) }()
	for _, t := range events.All() { // a webhook for each event; tools ignore the signature
		path := "/hooks/catch/123/abc/"
		if t.Name == events.MeetingBooked {
			path = "/make"
		}
		if err := sender.Subscribe(ctx, path, "", t.Name); err != nil {
			return err
		}
	}

	fmt.Fprintln(out, "1. Each of the seven events, with everything known and with nothing known but ids")
	want := 0
	for _, t := range events.All() {
		for _, data := range []any{t.Sample(), bare(t)} {
			if err := sender.Emit(ctx, t.Name, data); err != nil {
				return err
			}
			want++
		}
		runs, _ := zapier.taken()
		if t.Name == events.MeetingBooked {
			runs, _ = scenario.taken()
		}
		full, nothing := runs[len(runs)-2], runs[len(runs)-1]
		missing := absent(t, full, nothing)
		fmt.Fprintf(out, "   %-21s %3d fields documented, missing: %d, null when nothing is known: %d\n",
			t.Name, len(documented(t)), len(missing), count(nothing, "null"))
		if len(missing) > 0 {
			err = errors.Join(err, fmt.Errorf("%s lacks %s", t.Name, strings.Join(missing, ", ")))
		}
	}

	zaps, _ := zapier.taken()
	meetings, _ := scenario.taken()
	fmt.Fprintln(out, "2. What Make shows of a booked meeting, to choose from:")
	for _, f := range meetings[0].fields {
		value := strings.NewReplacer("\n", " ", "\u2028", " ").Replace(f.value)
		if r := []rune(value); len(r) > 70 {
			value = string(r[:69]) + "…"
		}
		fmt.Fprintf(out, "   %-32s %s\n", f.name, value)
	}
	fmt.Fprintf(out, "   Zapier writes %s for data.lead.id\n", zaps[0].fields[2].name)

	fmt.Fprintln(out, "3. Zapier is over its limit once, an answer gets lost, and everything is delivered once more")
	again := func() error { want++; return sender.Emit(ctx, events.LeadCreated, standin.Sample(events.LeadCreated)) }
	zapier.exhaust(1)
	if e := again(); e != nil {
		return e
	}
	sender.LoseAnswers(1)
	if e := again(); e != nil {
		return e
	}
	if _, e := sender.Redeliver(ctx); e != nil {
		return e
	}
	zaps, got := zapier.taken()
	meetings, more := scenario.taken()
	got += more
	fmt.Fprintf(out, "   %d requests were taken, and the workflows ran %d times, once for each event\n", got, len(zaps)+len(meetings))
	fmt.Fprintf(out, "   by keys such as %q\n", meetings[0].key)
	if n := len(zaps) + len(meetings); n != want || got != 2*want+1 {
		err = errors.Join(err, fmt.Errorf("%d runs for %d requests; want %d for %d", n, got, want, 2*want+1))
	}
	return err
}

// bare is the data of an event of which nothing is known but its ids.
func bare(t events.Type) any {
	v := reflect.New(t.Data).Elem()
	for _, part := range []string{"Lead", "Message", "Conversation", "Meeting"} {
		if f := v.FieldByName(part); f.IsValid() {
			f.FieldByName("ID").SetString(strings.ToLower(part) + "_bare")
		}
	}
	return v.Interface()
}

// documented lists the fields of an event's data, as package events documents
// them, down to lists.
func documented(t events.Type) (names []string) {
	var walk func(name string, t reflect.Type)
	walk = func(name string, t reflect.Type) {
		if t.Kind() != reflect.Struct || t == reflect.TypeFor[events.Time]() {
			names = append(names, name)
			return
		}
		for i := range t.NumField() {
			walk(name+"."+t.Field(i).Tag.Get("json"), t.Field(i).Type)
		}
	}
	walk("data", t.Data)
	return names
}

// absent lists the documented fields that a run did not get.
func absent(t events.Type, runs ...run) (names []string) {
	for _, r := range runs {
		for _, name := range append(documented(t), "event", "timestamp") {
			found := false
			for _, f := range r.fields {
				got := strings.ReplaceAll(f.name, "__", ".")
				found = found || got == name || strings.HasPrefix(got, name+".") // a list with something in it
			}
			if !found {
				names = append(names, name)
			}
		}
	}
	return names
}

func count(r run, value string) (n int) {
	for _, f := range r.fields {
		if f.value == value {
			n++
		}
	}
	return n
}
