package webhook

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/autoreach/webhook/internal/exchange"
)

// target is an endpoint's configuration made ready for sending.
type target struct {
	config Endpoint
	url    *url.URL
	host   string
	header http.Header // without what is signed
	format *Format
	keys   []Key  // the old secret's, if there is one, and the present one's
	key    Key    // the signing key, if there is one
	err    error  // why it cannot be sent to
	class  string // of err
}

// newTarget judges the URL again: the row may be older than today's policy.
func (d *Dispatcher) newTarget(config Endpoint) *target {
	t := &target{config: config}
	if t.url, t.err = d.policy.URL(config.URL); t.err != nil {
		t.url, t.class = &url.URL{}, ClassAddress
		return t
	}
	t.host = t.url.Hostname()
	if t.format, t.err = d.formats.of(&config, t.url); t.err != nil {
		t.class = ClassUnknownFormat
		return t
	}
	t.header = http.Header{
		"Content-Type": {typeJSON},
		"User-Agent":   {d.options.UserAgent},
	}
	for name, value := range config.Headers {
		t.header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	for _, s := range []Secret{config.OldSecret, config.Secret} {
		if s == "" {
			continue
		}
		k, err := newKey(s)
		if err != nil {
			t.err, t.class = err, ClassInternal
			return t
		}
		t.keys = append(t.keys, k)
	}
	if config.SigningKey != "" {
		if t.key, t.err = newSigningKey(config.SigningKey); t.err != nil {
			t.class = ClassInternal
		}
	}
	return t
}

// activeKeys are those that sign now.
func (t *target) activeKeys(now time.Time) []Key {
	if t.config.OldSecret != "" && !t.config.rotating(now) {
		return t.keys[1:]
	}
	return t.keys
}

// timeout is that of one attempt.
func (d *Dispatcher) timeout(t *target) time.Duration {
	if t.config.Timeout > 0 {
		return t.config.Timeout
	}
	return d.options.Timeout
}

// perSecond is how many requests a second the endpoint gets; 0 is no limit.
func (t *target) perSecond() float64 {
	if t.config.PerSecond == 0 && t.format != nil {
		return t.format.PerSecond
	}
	return t.config.PerSecond
}

// request signs one attempt. The time it takes is the attempt's.
func (d *Dispatcher) request(ctx context.Context, t *target, id string, out rendered, test bool) (req exchange.Request, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicError("a signer", r)
		}
	}()
	now, timeout := time.Now(), d.timeout(t)
	if d.waits {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, now.Add(timeout))
		defer cancel()
	}
	header := make(http.Header, len(t.header)+5)
	for name, values := range t.header {
		header[name] = values
	}
	if out.contentType != typeJSON {
		header["Content-Type"] = []string{out.contentType}
	}
	if test {
		header[headerTest] = []string{"true"}
	}
	s := Signing{ID: id, Timestamp: now, Body: out.body, Keys: t.activeKeys(now), SigningKey: t.key}
	for _, signer := range d.options.Signers {
		if err := signer.Sign(ctx, header, s); err != nil {
			return exchange.Request{}, err
		}
	}
	if d.waits && ctx.Err() != nil { // the endpoint is not to blame
		return exchange.Request{}, fmt.Errorf("webhook: signing was not over in time, which is %v for the whole attempt: %w", timeout, ctx.Err())
	}
	return exchange.Request{URL: t.url, Header: header, Body: out.body, Timeout: timeout, Began: now}, nil
}
