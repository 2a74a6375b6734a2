package main

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

const (
	eventType   = "bench.sent"
	payloadSize = 1024 // bytes of the whole body
	secret      = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// Data is an event's: when it was due to be emitted, and ballast.
type Data struct {
	Sent int64  `json:"sent"`
	Fill string `json:"fill"`
}

var catalogue = []events.Type{events.Of(eventType, "Sent", "Happens when the benchmark emits.", func() Data { return Data{Sent: 1, Fill: "x"} })}

// envelope is what a payload has around the ballast.
const envelope = len(`{"event":"bench.sent","timestamp":"2006-01-02T15:04:05.000Z","data":{"sent":1700000000000000000,"fill":""}}`)

var ballast = strings.Repeat("x", payloadSize-envelope)

// newEvent is an event of an endpoint's account, with a payload of that size.
func newEvent(endpoint int, sent int64, size int) webhook.Event {
	return webhook.Event{
		Account: account(endpoint), Type: eventType,
		Data: Data{Sent: sent, Fill: ballast[:max(0, size-envelope)]},
	}
}

// body is the payload of an event as the library encodes it, for those that do
// not have the library.
func body(sent int64) []byte {
	b := make([]byte, 0, payloadSize)
	b = append(b, `{"event":"bench.sent","timestamp":"2006-01-02T15:04:05.000Z","data":{"sent":`...)
	b = strconv.AppendInt(b, sent, 10)
	b = append(b, `,"fill":"`...)
	b = append(b, ballast...)
	return append(b, `"}}`...)
}

// sentAt reads Data.Sent of a payload.
func sentAt(payload []byte) int64 {
	_, rest, _ := bytes.Cut(payload, []byte(`"sent":`))
	digits, _, _ := bytes.Cut(rest, []byte(","))
	n, _ := strconv.ParseInt(string(digits), 10, 64)
	return n
}

// account is the one that owns the endpoint, and nothing else.
func account(endpoint int) string { return "acct_" + strconv.Itoa(endpoint) }

// url is where the endpoint listens.
func url(hosts []string, endpoint int) string {
	return "http://" + hosts[endpoint%len(hosts)] + "/" + strconv.Itoa(endpoint)
}
