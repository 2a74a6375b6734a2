package verify

import (
	"fmt"
	"net/http"
	"time"

	"github.com/autoreach/webhook/internal/signature"
)

// Header names in canonical form, the keys of http.Header.
const (
	headerBody      = "X-Webhook-Signature"
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
	headerTest      = "X-Webhook-Test"
)

// claim is what the headers of a request assert, checked for form and time and
// still to be compared with the body.
type claim struct {
	standard bool                 // by Standard Webhooks; otherwise X-Webhook-Signature
	sum      [signature.Size]byte // X-Webhook-Signature
	id       string
	unix     int64
	list     signature.Signatures // webhook-signature
}

// inspect does everything that needs no body.
func (v *Verifier) inspect(h http.Header, c *claim) error {
	if v.usesStandard(h) {
		return v.parseStandard(h, c)
	}
	value, err := single(h, headerBody)
	if err != nil {
		return err
	}
	c.sum, err = parseBodyOnly(value)
	return err
}

// usesStandard reports which scheme decides. Under Any a single webhook-*
// header is enough, so that dropping one of the three is an error and not a way
// to the weaker scheme.
func (v *Verifier) usesStandard(h http.Header) bool {
	switch v.opt.Scheme {
	case ReplayProtected:
		return true
	case BodyOnly:
		return false
	}
	return len(h[headerID]) > 0 || len(h[headerTimestamp]) > 0 || len(h[headerSignature]) > 0
}

func parseBodyOnly(value string) (sum [signature.Size]byte, err error) {
	if value == "" {
		return sum, fmt.Errorf("%w: %s is empty", ErrNoSignature, headerBody)
	}
	sum, ok := signature.ParseBody(value)
	if !ok {
		return sum, fmt.Errorf("%w: %s is not sha256= and 64 hex digits", ErrMalformed, headerBody)
	}
	return sum, nil
}

func (v *Verifier) parseStandard(h http.Header, c *claim) error {
	id, err := single(h, headerID)
	if err != nil {
		return err
	}
	stamp, err := single(h, headerTimestamp)
	if err != nil {
		return err
	}
	list, err := single(h, headerSignature)
	if err != nil {
		return err
	}
	if !signature.ValidID(id) {
		return fmt.Errorf("%w: %s is not 1 to %d visible ASCII characters without a full stop",
			ErrMalformed, headerID, signature.MaxIDBytes)
	}
	unix, ok := signature.ParseTimestamp(stamp)
	if !ok {
		return fmt.Errorf("%w: %s is not unix seconds in digits", ErrMalformed, headerTimestamp)
	}
	if err := v.checkTime(unix); err != nil {
		return err
	}
	if c.list, err = signature.ParseSignatures(list, v.versions()); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMalformed, headerSignature, err)
	}
	c.standard, c.id, c.unix = true, id, unix
	return nil
}

// versions are the entries of webhook-signature that are looked at: the keys
// that are there say so, never the header.
func (v *Verifier) versions() signature.Versions {
	return signature.Versions{V1: len(v.keys) > 0, V1a: len(v.public) > 0}
}

// checkTime refuses timestamps outside the tolerance, in both directions: a
// timestamp far ahead would make a captured request good for a long time.
func (v *Verifier) checkTime(unix int64) error {
	age := v.opt.Now().Sub(time.Unix(unix, 0)) // saturates instead of overflowing
	if age >= v.opt.Tolerance {
		return fmt.Errorf("%w: %d seconds old, the tolerance is %d", ErrTooOld, seconds(age), seconds(v.opt.Tolerance))
	}
	if -age > v.opt.Tolerance || age == minDuration {
		return fmt.Errorf("%w: %d seconds ahead, the tolerance is %d", ErrTooNew, -seconds(age), seconds(v.opt.Tolerance))
	}
	return nil
}

const minDuration time.Duration = -1 << 63

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// single returns the value of a header that must be there on exactly one line.
// Choosing among several lines would let two programs on the way choose
// differently.
func single(h http.Header, name string) (string, error) {
	switch lines := h[name]; {
	case len(lines) == 0:
		return "", fmt.Errorf("%w: %s is absent", ErrNoSignature, name)
	case len(lines) > 1:
		return "", fmt.Errorf("%w: %d lines of %s, want one", ErrMalformed, len(lines), name)
	case lines[0] == "":
		return "", fmt.Errorf("%w: %s is empty", ErrNoSignature, name)
	default:
		return lines[0], nil
	}
}
