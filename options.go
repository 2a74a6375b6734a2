package webhook

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/internal/guard"
)

// Options adjust a [Dispatcher]. Nil options, and every zero field, mean the
// default that is written beside the field; New refuses values out of bounds.
type Options struct {
	// Events are the types that can be emitted and subscribed to. Nil means
	// the seven of package events. A host with types of its own passes those,
	// or append(events.All(), its own...).
	Events []events.Type

	// Formats are formats of the host's own, beside json, slack, discord and
	// teams; one with the name of one of the last three takes its place. Every
	// process needs those that endpoints have: deliveries in a format that a
	// process does not know fail there, and are tried again.
	Formats []Format

	// Rules for endpoints.

	EndpointLimit     func(account string) int // endpoints that an account may have; lowering it removes none. Default 10 for every account
	EventsPerEndpoint int                      // event types that one endpoint may subscribe to. Default 1, at most 100
	AllowPrefixes     []netip.Prefix           // addresses that are not public and may be delivered to all the same. Default none
	AllowPlainHTTP    bool                     // also accept http:// URLs, for addresses in AllowPrefixes only. Default https only

	// Emitting.

	MaxPayload int           // bytes of the encoded payload, and of what a format makes of it. Default 262,144; at most 16 MiB
	KeyWindow  time.Duration // how long an Event.Key refuses a second event. Default 24 h, at least 1 min

	// Delivering.

	Timeout          time.Duration     // of one attempt: name look-up, connecting, TLS, sending, answer. Default 15 s; 1 s to 60 s
	Retry            RetryPolicy       // Default [DefaultSchedule]: after 30 s, 10 min and 2 h
	ExpireAfter      time.Duration     // how long a delivery may wait, retries included. Default 72 h, at least 1 min
	Signers          []Signer          // what signs each request, one after the other. Default [BodySigner] and [StandardSigner]; an empty list is refused
	UserAgent        string            // product and version of the host, such as "AutoReach/1.0". Default "Webhook/1.0"
	MaxInFlight      int               // requests at a time to one endpoint that does not say. Default 4; 1 to 1,000
	MaxInFlightTotal int               // requests at a time in this process, without those that have been on their way for over 2 s; with them at most four times as many. Default 512; 1 to 1,048,576
	MaxInFlightHost  int               // requests at a time to one destination host in this process. Default 64; 1 to 1,048,576. A sixteenth of this and of the total is kept for the first request of each endpoint
	DisableAfter     time.Duration     // disable an endpoint by itself that has not succeeded for so long, and let 8 deliveries die. Default 0: never; else 1 h to a year
	TLS              *tls.Config       // root certificates and client certificates. Default the system's roots; verification cannot be turned off
	Transport        http.RoundTripper // sends the requests instead of the guarded transport: the address guard is then yours. For an egress proxy, or an in-memory network in tests

	// Keeping.

	BodyRetention time.Duration // how long payloads are kept. Default 30 days; at least ExpireAfter
	LogRetention  time.Duration // how long finished deliveries are kept. Default 90 days; at least BodyRetention

	// EncryptionKeys encrypt URLs, secrets, signing keys, custom headers,
	// payloads and what endpoints answer before they are given to the store
	// (XAES-256-GCM). The first key encrypts, each of them decrypts. To change the key, add the new
	// one behind the old one in every process, then put it first; the old one
	// is needed until BodyRetention and LogRetention have passed and every
	// endpoint was updated since. What was stored before there were keys stays
	// as it is. Every process has to have the keys. Of the last answer an
	// endpoint's Health then shows up to 640 bytes. Default none: the store
	// holds all of it as it is.
	EncryptionKeys []EncryptionKey

	// Running.

	Lease time.Duration // how long a process that died keeps others from its lanes. Default 15 s; 1 s to 5 min
	Grace time.Duration // how long Run waits for requests in flight when it is told to end. Default 20 s; 1 ms to 1 h

	// Watching.

	Logger   *slog.Logger      // what an operator needs to know. Default silent
	OnChange func(Change)      // an endpoint starts failing, gets the error status, is disabled by the engine, or recovers. Called after the fact, one at a time; after a crash a call can be missing, the endpoint's Health has it
	Observe  func(Observation) // one call for each attempt, to feed any metrics library. Must be quick; called concurrently
}

// defaults returns a copy with the zero fields filled in, or what is wrong.
func (o *Options) defaults() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	var p problems
	bounded := func(name string, v *time.Duration, def, low, high time.Duration) {
		if *v == 0 {
			*v = def
		}
		if *v < low || *v > high {
			p.add("Options."+name, "range", low.String()+" to "+high.String(), "is %v; use %v to %v", *v, low, high)
		}
	}
	count := func(name string, v *int, def, high int) {
		if *v == 0 {
			*v = def
		}
		if *v < 1 || *v > high {
			p.add("Options."+name, "range", "1 to "+strconv.Itoa(high), "is %d; use 1 to %d", *v, high)
		}
	}
	const year = 365 * 24 * time.Hour
	bounded("KeyWindow", &c.KeyWindow, 24*time.Hour, time.Minute, year)
	bounded("Timeout", &c.Timeout, 15*time.Second, minTimeout, maxTimeout)
	bounded("ExpireAfter", &c.ExpireAfter, 72*time.Hour, time.Minute, year)
	bounded("BodyRetention", &c.BodyRetention, max(30*24*time.Hour, c.ExpireAfter), c.ExpireAfter, 100*year)
	bounded("LogRetention", &c.LogRetention, max(90*24*time.Hour, c.BodyRetention), c.BodyRetention, 100*year)
	bounded("Lease", &c.Lease, 15*time.Second, time.Second, 5*time.Minute)
	bounded("Grace", &c.Grace, 20*time.Second, time.Millisecond, time.Hour)
	if c.DisableAfter != 0 {
		bounded("DisableAfter", &c.DisableAfter, 0, time.Hour, year)
	}
	count("EventsPerEndpoint", &c.EventsPerEndpoint, 1, 100)
	count("MaxPayload", &c.MaxPayload, 256<<10, 16<<20)
	count("MaxInFlight", &c.MaxInFlight, 4, maxInFlight)
	count("MaxInFlightTotal", &c.MaxInFlightTotal, 512, 1<<20)
	count("MaxInFlightHost", &c.MaxInFlightHost, 64, 1<<20)
	if c.EndpointLimit == nil {
		c.EndpointLimit = func(string) int { return 10 }
	}
	if c.Retry == nil {
		c.Retry = DefaultSchedule()
	} else if n, err := tried(c.Retry); err != nil {
		p.add("Options.Retry", "panics", "", "does not work: %v", err)
	} else if n > maxRetries+1 {
		p.add("Options.Retry", "range", strconv.Itoa(maxRetries), "never ends; use at most %d retries", maxRetries)
	}
	if c.Events != nil && len(c.Events) == 0 {
		p.add("Options.Events", "required", "", "is empty, so that nothing could be emitted; leave it nil for those of package events")
	}
	if c.Signers != nil && len(c.Signers) == 0 {
		p.add("Options.Signers", "required", "", "is empty, so that nothing would be signed; leave it nil for BodySigner and StandardSigner")
	}
	if c.Signers == nil {
		c.Signers = []Signer{BodySigner{}, StandardSigner{}}
	}
	c.Signers = slices.Clone(c.Signers)
	checkSigners(&p, c.Signers, c.MaxPayload)
	if c.UserAgent == "" {
		c.UserAgent = "Webhook/1.0"
	}
	if err := guard.Header("X-Product", c.UserAgent); err != nil {
		p.add("Options.UserAgent", "malformed", "", "%v", err)
	}
	c.EncryptionKeys = slices.Clone(c.EncryptionKeys)
	for i, k := range c.EncryptionKeys {
		name := "Options.EncryptionKeys." + itoa(i)
		if k.aead == nil {
			p.add(name, "required", "", "is the zero value; make it with NewEncryptionKey")
		} else if slices.ContainsFunc(c.EncryptionKeys[:i], func(x EncryptionKey) bool { return x.id == k.id }) {
			p.add(name, "duplicate", "", "is there twice (%v)", k)
		}
	}
	if c.TLS != nil && c.TLS.InsecureSkipVerify {
		p.add("Options.TLS", "insecure", "", "has InsecureSkipVerify, which is refused; add the authority to its RootCAs instead")
	}
	if c.AllowPlainHTTP && len(c.AllowPrefixes) == 0 {
		p.add("Options.AllowPlainHTTP", "required", "", "is for addresses in AllowPrefixes only, which is empty; list them, or leave it off")
	} else if err := c.policy().Validate(); err != nil {
		p.add("Options.AllowPrefixes", "malformed", "", "%v", err)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.OnChange == nil {
		c.OnChange = func(Change) {}
	}
	if c.Observe == nil {
		c.Observe = func(Observation) {}
	}
	return c, p.err()
}

// policy is the address guard's.
func (o *Options) policy() *guard.Policy {
	return &guard.Policy{Allow: o.AllowPrefixes, PlainHTTP: o.AllowPlainHTTP}
}
