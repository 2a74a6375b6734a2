package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Request reads and verifies a request, for handlers that write their own
// answer; StatusCode gives the status for an error. w may be nil; when it is the
// writer of this request, a client that sends too much is disconnected. Request
// writes no answer itself. It consumes the body, which is in the Message.
//
// Method, headers and time are checked before the body is read. The errors are
// ErrMethod, ErrBodyTooLarge, ErrBodyRead and those of Verifier.Message.
func (v *Verifier) Request(w http.ResponseWriter, r *http.Request) (Message, error) {
	m, _, err := v.request(w, r)
	return m, err
}

// request also returns the body that was read and did not verify, which is nil
// when it was not read.
func (v *Verifier) request(w http.ResponseWriter, r *http.Request) (m Message, body []byte, err error) {
	if r.Method != http.MethodPost {
		return Message{}, nil, ErrMethod
	}
	var c claim
	if err := v.inspect(r.Header, &c); err != nil {
		return Message{}, nil, err
	}
	if body, err = v.readBody(w, r); err != nil {
		return Message{}, nil, err
	}
	m, err = v.message(&c, body, r.Header)
	return m, body, err
}

// firstBuffer bounds what is reserved on the word of Content-Length alone.
const firstBuffer = 64 << 10

func (v *Verifier) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit := v.opt.MaxBody
	if r.ContentLength > limit {
		return nil, fmt.Errorf("%w: Content-Length %d, the limit is %d", ErrBodyTooLarge, r.ContentLength, limit)
	}
	if r.Body == nil {
		return nil, nil
	}
	var buf bytes.Buffer
	if n := r.ContentLength; n > 0 {
		// One read more than the body is needed to see its end.
		buf.Grow(int(min(n, firstBuffer)) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.Reader(http.MaxBytesReader(w, r.Body, limit))); err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return nil, fmt.Errorf("%w: the limit is %d", ErrBodyTooLarge, limit)
		}
		return nil, fmt.Errorf("%w: %w", ErrBodyRead, err)
	}
	return buf.Bytes(), nil
}
