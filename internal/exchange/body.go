package exchange

import (
	"io"
	"sync"
)

// buffer holds a request's beginning, and later a response's.
type buffer [MaxExcerptBytes]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// readBody returns the excerpt of a body, and the error that ended it: io.EOF
// at its end. It reads on to that where it may be near, since only a body read
// to its end leaves the connection usable.
func (c *Client) readBody(body io.Reader, buf *buffer, drain bool) (text []byte, err error) {
	n, k := 0, 0
	for n < c.excerpt && err == nil {
		k, err = body.Read(buf[n:c.excerpt])
		n += k
	}
	text = clean(buf[:n], n == c.excerpt, c.excerpt)
	for drain && n <= maxBodyBytes && err == nil {
		k, err = body.Read(buf[:])
		n += k
	}
	return text, err
}
