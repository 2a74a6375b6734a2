package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A receiver plays the customers' servers. As a transport it takes every
// request for itself, whatever host it is for: a product leaves
// Options.Transport alone.
type receiver struct {
	server *http.Server
	host   string
	client *http.Transport
	count  atomic.Int64
}

func startReceiver() (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{host: l.Addr().String(), client: &http.Transport{MaxIdleConnsPerHost: 8}}
	r.server = &http.Server{Handler: http.HandlerFunc(r.answer), ReadHeaderTimeout: 5 * time.Second}
	go r.server.Serve(l)
	return r, nil
}

func (r *receiver) close() {
	_ = r.server.Close()
	r.client.CloseIdleConnections()
}

// RoundTrip implements [http.RoundTripper].
func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	switch {
	case strings.HasPrefix(req.URL.Host, "refused."):
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case strings.HasPrefix(req.URL.Host, "unknown."):
		return nil, &net.DNSError{Err: "no such host", Name: req.URL.Hostname(), IsNotFound: true}
	}
	here := req.Clone(req.Context())
	here.Host = req.URL.Host
	here.URL = &url.URL{Scheme: "http", Host: r.host, Path: req.URL.Path}
	return r.client.RoundTrip(here)
}

// answer is what the servers answer, by the last part of the path.
func (r *receiver) answer(w http.ResponseWriter, req *http.Request) {
	n := r.count.Add(1)
	say := func(code int, text string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintln(w, text)
	}
	switch req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:] {
	case "broken":
		say(500, `{"error":"internal","trace":"could not connect to database \"crm\" at 10.2.0.7"}`)
	case "flaky":
		if n%3 != 0 {
			say(503, `{"error":"deploying, try again"}`)
			return
		}
		say(200, `{"ok":true}`)
	case "slow":
		time.Sleep(time.Duration(600+n%5*120) * time.Millisecond)
		say(200, `{"ok":true}`)
	case "silent":
		<-req.Context().Done()
	case "moved":
		w.Header().Set("Location", "https://"+req.Host+strings.TrimSuffix(req.URL.Path, "moved")+"ok")
		w.WriteHeader(http.StatusMovedPermanently)
	case "gone":
		say(410, `{"error":"this zap is turned off"}`)
	case "busy":
		w.Header().Set("Retry-After", "30")
		say(429, `{"error":"rate limit exceeded"}`)
	case "guarded":
		say(401, `{"error":"invalid signature"}`)
	case "ok":
		time.Sleep(time.Duration(40+n%7*15) * time.Millisecond)
		say(200, `{"ok":true}`)
	default:
		say(404, `{"error":"no such path; try ok, slow, flaky, broken, silent, moved, gone, busy or guarded at the end of the URL"}`)
	}
}
