package verify

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Defaults and bounds of Options.
const (
	DefaultTolerance       = 5 * time.Minute
	DefaultMaxBody   int64 = 1 << 20 // bytes

	minTolerance       = time.Second
	maxTolerance       = 24 * time.Hour
	maxMaxBody   int64 = 1 << 30
	maxMore            = 8
	maxPublic          = 8
)

// Options are the settings of a Verifier. nil and the zero value are legal and
// mean the defaults. New and NewKey check every field and name the one that is
// out of bounds.
type Options struct {
	// MoreSecrets are further secrets that are accepted, at most 8 together
	// with MoreKeys; default none. They are for a rotation: a request is
	// genuine when any secret verifies it. The rules are those of New's secret,
	// so an empty entry is refused: leave it out instead.
	MoreSecrets []string

	// MoreKeys is the same for raw keys (see NewKey). Default none.
	MoreKeys [][]byte

	// PublicKeys are ed25519 keys in the form whpk_…, at most 8, beside the
	// secret of New or the public key of NewPublic; default none. A request is
	// genuine when a v1a entry of its webhook-signature is by one of them, as it
	// is when a v1 entry is by one of the secrets. An entry is never checked
	// against keys of the other kind. It is an error beside BodyOnly.
	PublicKeys []string

	// Scheme says which signature a request must carry. Default Any; see there
	// why ReplayProtected is the better choice for deliveries of this library.
	Scheme Scheme

	// Tolerance is how far webhook-timestamp, in whole seconds, may be from
	// Now: as old as Tolerance is refused, and so is anything more than
	// Tolerance ahead. 1 second to 24 hours; zero means 5 minutes. It does not
	// apply to X-Webhook-Signature, which holds no time.
	Tolerance time.Duration

	// MaxBody is the largest body read from a request, in bytes, inclusive.
	// 1 byte to 1 GiB; zero means 1 MiB. A body is held in memory while it is
	// verified. It does not apply to Verify, VerifyHeaders and Message, which
	// are given a body.
	MaxBody int64

	// Now returns the current time. Default time.Now. It is for tests.
	Now func() time.Time

	// Logger receives the reason of every refused request and every failed
	// handler function, without secrets and signatures. Default nil: silent.
	Logger *slog.Logger

	// Explain adds to the log, for a failed verification, which mistake it looks
	// like: what Verifier.Explain says, under the key "explanation". It is for
	// the days in which a receiver is connected. Requests that verify cost
	// nothing more, and Handler and Middleware explain about one request a
	// second, so that forged ones cannot make much work. Default false.
	Explain bool

	// Once, when set, lets Handler skip messages that were handled before, by
	// their webhook-id. It is used for requests verified by Standard Webhooks
	// only, where the id is signed; it is an error beside BodyOnly, and under
	// Any stripping the headers avoids it. Give each Handler a Once of its own:
	// one event has the same id at every webhook that it is sent to. Default
	// nil: fn runs for every delivery, retries included.
	Once Once
}

// withDefaults returns a copy of o with its defaults filled in.
func (o *Options) withDefaults() (Options, error) {
	var out Options
	if o != nil {
		out = *o
	}
	if out.Scheme > BodyOnly {
		return out, fmt.Errorf("verify: Options.Scheme is %v, want Any, ReplayProtected or BodyOnly", out.Scheme)
	}
	if n := len(out.MoreSecrets) + len(out.MoreKeys); n > maxMore {
		return out, fmt.Errorf("verify: Options.MoreSecrets and Options.MoreKeys have %d entries, want at most %d", n, maxMore)
	}
	if n := len(out.PublicKeys); n > maxPublic {
		return out, fmt.Errorf("verify: Options.PublicKeys has %d entries, want at most %d", n, maxPublic)
	}
	if len(out.PublicKeys) > 0 && out.Scheme == BodyOnly {
		return out, errors.New("verify: Options.PublicKeys needs webhook-signature, which Scheme BodyOnly does not look at")
	}
	if out.Tolerance == 0 {
		out.Tolerance = DefaultTolerance
	}
	if out.Tolerance < minTolerance || out.Tolerance > maxTolerance {
		return out, fmt.Errorf("verify: Options.Tolerance is %v, want %v to %v, or 0 for %v",
			out.Tolerance, minTolerance, maxTolerance, DefaultTolerance)
	}
	if out.MaxBody == 0 {
		out.MaxBody = DefaultMaxBody
	}
	if out.MaxBody < 1 || out.MaxBody > maxMaxBody {
		return out, fmt.Errorf("verify: Options.MaxBody is %d bytes, want 1 to %d, or 0 for %d",
			out.MaxBody, maxMaxBody, DefaultMaxBody)
	}
	if out.Now == nil {
		out.Now = time.Now
	}
	if out.Explain && out.Logger == nil {
		return out, errors.New("verify: Options.Explain needs Options.Logger, which is where the explanation goes")
	}
	if out.Logger == nil {
		out.Logger = slog.New(slog.DiscardHandler)
	}
	if out.Once != nil && out.Scheme == BodyOnly {
		return out, errors.New("verify: Options.Once needs the signed webhook-id, which Scheme BodyOnly does not look at")
	}
	return out, nil
}
