package webhook

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/autoreach/webhook/internal/guard"
	"github.com/autoreach/webhook/internal/signature"
)

// The bounds of an endpoint's fields.
const (
	MinSecretLength = 16   // characters
	MaxSecretLength = 1024 // bytes
	maxName         = 100  // characters
	maxAccount      = 200  // bytes
	maxActor        = 200  // bytes
	maxInFlight     = 1000
	maxPerSecond    = 10_000
	minPerSecond    = 0.001
	minTimeout      = time.Second
	maxTimeout      = time.Minute
)

func itoa(n int) string { return strconv.Itoa(n) }

func checkAccount(p *problems, account string) {
	switch {
	case account == "":
		p.add("account", "required", "", "is empty; say whose it is")
	case len(account) > maxAccount:
		p.add("account", "too_long", itoa(maxAccount), "is %d bytes long; the limit is %d", len(account), maxAccount)
	case !printable(account):
		p.add("account", "character", "", "holds a control character or is not UTF-8")
	}
}

// ofAccount refuses a query that does not say whose it is.
func ofAccount(account string) error {
	var p problems
	checkAccount(&p, account)
	return p.err()
}

// given refuses a transaction that is nil.
func given(tx Tx) error {
	if tx != nil {
		return nil
	}
	return &InvalidError{Fields: []FieldError{{Field: "tx", Code: "required", Message: "is nil; make one of your transaction with the store's module"}}}
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && r != ' ' }) < 0
}

// check judges an endpoint by every rule, for create, update and test alike,
// and normalises its name and URL.
func (d *Dispatcher) check(e *Endpoint) error { return d.problems(e).err() }

// checkPatched is check for those fields that the patch sets: what was stored
// under older rules must not keep anybody from renaming or disabling it.
func (d *Dispatcher) checkPatched(e *Endpoint, patch *EndpointPatch) error {
	var p problems
	if patch.Enabled.isNull {
		p.add("enabled", "required", "", "is null; say true or false, or leave it out to keep it as it is")
	}
	switch patch.DisabledBy {
	case "", DisabledByCustomer, DisabledByOperator, DisabledByEngine:
	default:
		p.add("disabled_by", "unknown", "", "is %q; use customer, operator or engine", patch.DisabledBy)
	}
	if o := patch.Overlap; o != 0 && (o < minOverlap || o > maxOverlap) {
		p.add("overlap", "range", "1m to 720h", "is %v; use one minute to 30 days", o)
	}
	if patch.Overlap != 0 && patch.Secret.Value == "" {
		p.add("secret", "required", "", "is empty; a rotation needs the new one")
	}
	for _, f := range d.problems(e) {
		if patch.sets(f.Field) {
			p = append(p, f)
		}
	}
	return p.err()
}

func (d *Dispatcher) problems(e *Endpoint) problems {
	var p problems
	checkAccount(&p, e.Account)
	d.checkName(&p, e)
	d.checkURL(&p, e)
	d.checkEvents(&p, e)
	d.checkFormat(&p, e)
	checkSecret(&p, e.Secret)
	checkSigningKey(&p, e.SigningKey)
	checkHeaders(&p, e, d.reserved)
	if e.Timeout != 0 && (e.Timeout < minTimeout || e.Timeout > maxTimeout) {
		p.add("timeout", "range", "1s to 1m0s", "is %v; use 1s to 60s, or 0 for the default of %v", e.Timeout, d.options.Timeout)
	}
	if e.MaxInFlight < 0 || e.MaxInFlight > maxInFlight {
		p.add("max_in_flight", "range", itoa(maxInFlight), "is %d; use 1 to %d, or 0 for the default of %d", e.MaxInFlight, maxInFlight, d.options.MaxInFlight)
	}
	if r := e.PerSecond; r != 0 && !(r >= minPerSecond && r <= maxPerSecond) || math.IsNaN(r) {
		p.add("per_second", "range", "0.001 to 10000", "is %v; use 0.001 to 10000, or 0 for the format's rate", r)
	}
	return p
}

func (d *Dispatcher) checkName(p *problems, e *Endpoint) {
	e.Name = strings.TrimSpace(e.Name)
	switch n := utf8.RuneCountInString(e.Name); {
	case e.Name == "":
		p.add("name", "required", "", "is empty; give the webhook a name such as CRM Sync")
	case n > maxName:
		p.add("name", "too_long", itoa(maxName), "is %d characters long; the limit is %d", n, maxName)
	case !printable(e.Name):
		p.add("name", "character", "", "holds a control character; use letters, digits, spaces and signs")
	}
}

func (d *Dispatcher) checkURL(p *problems, e *Endpoint) {
	if e.URL == "" {
		p.add("url", "required", "", "is empty; enter the https:// address that shall receive the events")
		return
	}
	u, err := d.policy.URL(e.URL)
	if err != nil {
		addRefusal(p, "url", err)
		return
	}
	e.URL = u.String()
}

func addRefusal(p *problems, field string, err error) {
	var r *guard.Refusal
	if errors.As(err, &r) {
		p.add(field, r.Code, "", "%s", r.Reason)
		return
	}
	p.add(field, "malformed", "", "%v", err)
}

func (d *Dispatcher) checkEvents(p *problems, e *Endpoint) {
	limit := d.options.EventsPerEndpoint
	switch n := len(e.Events); {
	case n == 0:
		p.add("events", "required", "", "are empty; choose one of %s", d.catalogue.names())
	case n > limit && limit == 1:
		p.add("events", "too_many", "1", "are %d; a webhook subscribes to one event: create another webhook for each of the others", n)
	case n > limit:
		p.add("events", "too_many", itoa(limit), "are %d; the limit is %d: create another webhook for the others", n, limit)
	}
	for i, t := range e.Events {
		if _, known := d.catalogue.lookup(t); !known {
			p.add("events", "unknown_event", "", "%q is not an event; known are %s", t, d.catalogue.names())
		} else if slices.Contains(e.Events[:i], t) {
			p.add("events", "event_twice", "", "%q is there twice", t)
		}
	}
}

func checkSecret(p *problems, secret Secret) {
	s := secret.Reveal()
	if s == "" {
		return
	}
	switch n := utf8.RuneCountInString(s); {
	case n < MinSecretLength:
		p.add("secret", "too_short", itoa(MinSecretLength), "is %d characters long; use at least %d, or let one be generated", n, MinSecretLength)
	case len(s) > MaxSecretLength:
		p.add("secret", "too_long", itoa(MaxSecretLength), "is %d bytes long; the limit is %d", len(s), MaxSecretLength)
	case !utf8.ValidString(s):
		p.add("secret", "character", "", "is not UTF-8; use text")
	case strings.HasPrefix(s, sealedPrefix):
		p.add("secret", "reserved", "", "begins with %s, which marks what is encrypted; use another text, or let one be generated", sealedPrefix)
	case strings.TrimSpace(s) != s:
		p.add("secret", "white_space", "", "begins or ends with white space; it is probably not meant to")
	default:
		if _, err := signature.StandardKey(s, minKey, maxKey); err != nil {
			p.add("secret", "malformed_key", "", "begins with whsec_ but %v; let one be generated, or use a text that does not begin with whsec_", err)
		}
	}
}

func checkHeaders(p *problems, e *Endpoint, signers []string) {
	if len(e.Headers) > guard.MaxHeaders {
		p.add("headers", "too_many", itoa(guard.MaxHeaders), "are %d; the limit is %d", len(e.Headers), guard.MaxHeaders)
		return
	}
	seen := map[string]bool{}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		value := e.Headers[name]
		size += len(name) + len(value)
		if err := guard.Header(name, value, signers...); err != nil {
			addRefusal(p, "headers."+strings.ToValidUTF8(name[:min(len(name), 64)], "?"), err)
		} else if lower := strings.ToLower(name); seen[lower] {
			p.add("headers."+name, "header_twice", "", "is there twice in different case; keep one")
		} else {
			seen[lower] = true
		}
	}
	if size > guard.MaxHeadersBytes {
		p.add("headers", "too_long", itoa(guard.MaxHeadersBytes), "are %d bytes long in all; the limit is %d", size, guard.MaxHeadersBytes)
	}
}
