// Receiver is a receiver for your own machine, while you develop: it prints what
// is delivered and verifies, says of what does not which mistake was probably
// made, and misbehaves when it is told to.
//
//	WEBHOOK_SECRET=whsec_… go run ./receiver
//	go run ./receiver --answer 500 --first 2   # fails twice, then works
//	go run ./receiver --answer 429 --retry-after 30
//	go run ./receiver --slow 20s               # answers too late
//	go run ./receiver --hang                   # never answers
//
// Without WEBHOOK_SECRET it makes up a secret and prints it: register the webhook
// with that one. docs/receiving.md says how deliveries reach a laptop.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"time"

	"github.com/autoreach/webhook/verify"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, os.Args[1:], os.Getenv("WEBHOOK_SECRET"))
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	}
}

// A receiver prints requests and answers them as it was told.
type receiver struct {
	verifier   *verify.Verifier
	answer     int           // status for what verifies
	retryAfter int           // seconds; 0 is none
	slow       time.Duration // before the answer
	hang       bool          // no answer
	first      int           // misbehave so many times; 0 is always

	mu   sync.Mutex
	out  io.Writer
	n    int            // deliveries
	seen map[string]int // deliveries by id
}

func run(ctx context.Context, out io.Writer, args []string, secret string) error {
	r := &receiver{out: out, seen: map[string]int{}}
	flags := flag.NewFlagSet("receiver", flag.ContinueOnError)
	address := flags.String("addr", "127.0.0.1:8080", "where to listen")
	flags.IntVar(&r.answer, "answer", http.StatusNoContent, "status that answers what verifies")
	flags.IntVar(&r.retryAfter, "retry-after", 0, "seconds of a Retry-After header beside it; 0 for none")
	flags.DurationVar(&r.slow, "slow", 0, "how long to wait before answering, such as 20s")
	flags.BoolVar(&r.hang, "hang", false, "never answer")
	flags.IntVar(&r.first, "first", 0, "do so for the first deliveries only, then answer 204; 0 for all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if r.answer < 200 || r.answer > 599 {
		return fmt.Errorf("--answer is %d; use a status from 200 to 599", r.answer)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no flag; see --help", flags.Arg(0))
	}

	made := secret == ""
	if made {
		key := make([]byte, 32)
		rand.Read(key)
		secret = "whsec_" + base64.StdEncoding.EncodeToString(key)
	}
	var err error
	if r.verifier, err = verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected}); err != nil {
		return fmt.Errorf("WEBHOOK_SECRET: %w", err)
	}
	l, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "listening on http://%s\n", l.Addr())
	if made {
		fmt.Fprintf(out, "WEBHOOK_SECRET is not set; register the webhook with the secret %s\n", secret)
	}
	server := &http.Server{Handler: r, ReadTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP does by hand what verify's Handler does, to have the body of what is
// refused.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, verify.DefaultMaxBody))
	if err != nil {
		r.say("REFUSED, the body cannot be read: %v", err)
		http.Error(w, "", http.StatusRequestEntityTooLarge)
		return
	}
	m, err := r.verifier.Message(body, req.Header)
	if err != nil || req.Method != http.MethodPost {
		r.say("REFUSED, answered 401: %s", r.verifier.Explain(req, body))
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	if r.print(m) {
		if r.hang {
			r.say("does not answer")
			<-req.Context().Done() // until the sender hangs up
			r.say("the sender has hung up")
			panic(http.ErrAbortHandler)
		}
		if r.slow > 0 {
			r.say("waits %v", r.slow)
			select {
			case <-time.After(r.slow):
			case <-req.Context().Done():
				r.say("the sender has hung up meanwhile")
			}
		}
		if r.retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(r.retryAfter))
		}
		w.WriteHeader(r.answer)
		r.say("answered %d", r.answer)
		return
	}
	w.WriteHeader(http.StatusNoContent)
	r.say("answered 204")
}

// print shows a message, and reports whether to misbehave.
func (r *receiver) print(m verify.Message) bool {
	r.mu.Lock()
	r.n++
	r.seen[m.ID]++
	n, times := r.n, r.seen[m.ID]
	r.mu.Unlock()

	what := m.Event
	if what == "" {
		what = "a body of another form than event, timestamp and data"
	}
	if m.Test {
		what += ", a test"
	}
	again := ""
	if times > 1 {
		again = fmt.Sprintf(", for the %d. time: a duplicate, to be handled once", times)
	}
	var data bytes.Buffer
	if json.Indent(&data, m.Data, "  ", "  ") != nil {
		data.Reset()
		fmt.Fprintf(&data, "%q", m.Body)
	}
	r.say("%s\n  id %s%s\n  happened at %s, sent at %s\n  %s",
		what, m.ID, again, m.Timestamp.Format(time.RFC3339Nano), m.Attempted.Format(time.RFC3339), &data)
	return r.first == 0 || n <= r.first
}

func (r *receiver) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, "%s %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}
