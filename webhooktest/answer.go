package webhooktest

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Answer is what a [Receiver] does with a request that it has verified. The
// zero Answer is 204 No Content.
type Answer struct {
	text  string
	serve http.HandlerFunc
}

// String says what the answer is, such as "500" or "hang".
func (a Answer) String() string {
	if a.text == "" {
		return "204"
	}
	return a.text
}

// Status answers with a status and no body.
func Status(code int) Answer {
	return Answer{strconv.Itoa(code), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }}
}

// Body answers with a status and a text/plain body.
func Body(code int, text string) Answer {
	return Answer{strconv.Itoa(code) + " with a body", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}}
}

// RetryAfter answers with a status such as 429 or 503 and asks to be left
// alone for d, in whole seconds, rounded up.
func RetryAfter(code int, d time.Duration) Answer {
	seconds := int64(math.Ceil(d.Seconds()))
	return Answer{fmt.Sprintf("%d with Retry-After: %d", code, seconds), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
		w.WriteHeader(code)
	}}
}

// Redirect answers with a status such as 301 or 307 and a Location.
func Redirect(code int, url string) Answer {
	return Answer{strconv.Itoa(code), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", url)
		w.WriteHeader(code)
	}}
}

// Hang answers nothing until the sender gives up, or the test ends.
func Hang() Answer {
	return Answer{"hang", func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}}
}

// Slow waits for d and then answers what next says, unless the sender gave up
// meanwhile.
func Slow(d time.Duration, next Answer) Answer {
	return Answer{fmt.Sprintf("%v after %v", next, d), func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			next.answer(w, r)
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}}
}

// Drop closes the connection without an answer.
func Drop() Answer {
	return Answer{"drop", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}
}

// Handler lets h answer, for instance your own receiving code. It can read the
// body and verify the request once more.
func Handler(h http.Handler) Answer { return Answer{"by a handler", h.ServeHTTP} }

// ServeHTTP gives the answer, so that an Answer can be mounted on a [Network]
// by itself, for a host whose requests need no recording.
func (a Answer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The server notices that the client leaves only when the body was read.
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	a.answer(w, r)
}

// answer gives the answer; the body was read or is kept for a handler.
func (a Answer) answer(w http.ResponseWriter, r *http.Request) {
	if a.serve == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	a.serve(w, r)
}

// maxBody is more than any payload.
const maxBody = 64 << 20
