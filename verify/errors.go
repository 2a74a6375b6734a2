package verify

import (
	"errors"
	"net/http"
)

// Errors of verification. Compare with errors.Is: the errors returned add what
// was wrong, in words that never hold a secret, a signature or a header's text.
// Log them; do not send them to the client, who may be an attacker.
var (
	// ErrNoSignature: a header that the scheme needs is absent or empty.
	ErrNoSignature = errors.New("webhook: no signature")
	// ErrMalformed: a header is there, but more than once or not in its exact
	// form (such as another algorithm, wrong length, white space, too many
	// signatures, none of a kind that there is a key for).
	ErrMalformed = errors.New("webhook: malformed signature header")
	// ErrMismatch: well-formed, but no secret gives this signature for this
	// body, and it is by no public key: the wrong one, or a body that was changed
	// on the way.
	ErrMismatch = errors.New("webhook: signature does not match")
	// ErrTooOld: webhook-timestamp lies Options.Tolerance or more in the past.
	// The error says by how many seconds.
	ErrTooOld = errors.New("webhook: timestamp too old")
	// ErrTooNew: webhook-timestamp lies more than Options.Tolerance in the
	// future; one of the two clocks is wrong. The error says by how many seconds.
	ErrTooNew = errors.New("webhook: timestamp too new")
	// ErrScheme: Verify was called on a verifier with Scheme ReplayProtected,
	// which X-Webhook-Signature cannot satisfy.
	ErrScheme = errors.New("webhook: X-Webhook-Signature has no replay protection, which Options.Scheme asks for")
)

// Errors of requests and messages, beside those of verification.
var (
	// ErrMethod: the request is not a POST.
	ErrMethod = errors.New("webhook: method is not POST")
	// ErrBodyTooLarge: the body has more than Options.MaxBody bytes.
	ErrBodyTooLarge = errors.New("webhook: body too large")
	// ErrBodyRead: the body could not be read to its end, because the client
	// went away or was too slow. It wraps the cause.
	ErrBodyRead = errors.New("webhook: reading the body")
)

// StatusCode returns the HTTP status with which Handler and Middleware answer an
// error of this package: 405 for ErrMethod (set the Allow header beside it), 413
// for ErrBodyTooLarge, 400 for ErrBodyRead, 204 for nil, and 401 for everything
// else, so that no failed verification differs from another.
func StatusCode(err error) int {
	switch {
	case err == nil:
		return http.StatusNoContent
	case errors.Is(err, ErrMethod):
		return http.StatusMethodNotAllowed
	case errors.Is(err, ErrBodyTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrBodyRead):
		return http.StatusBadRequest
	}
	return http.StatusUnauthorized
}
