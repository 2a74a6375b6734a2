package exchange

import (
	"io"
	"net/http"
	"sync"
)

var buffers = sync.Pool{New: func() any { return new([MaxExcerptBytes]byte) }}

// readBody returns the excerpt of a body, and reads on to its end where that is
// near: only a body read to its end leaves the connection usable.
func (c *Client) readBody(x *exchange, resp *http.Response) []byte {
	if resp.Body == http.NoBody {
		return nil
	}
	x.settle()
	if x.conn != nil {
		x.conn.expect(resp)
	}
	buf := buffers.Get().(*[MaxExcerptBytes]byte)
	defer buffers.Put(buf)

	n, err := io.ReadFull(resp.Body, buf[:c.excerpt])
	excerpt := clean(buf[:n], n == c.excerpt, c.excerpt)
	if err != nil || resp.ContentLength < 0 || resp.ContentLength > maxBodyBytes {
		return excerpt
	}
	for rest := maxBodyBytes - n; rest > 0 && err == nil; rest -= n {
		n, err = resp.Body.Read(buf[:min(rest, len(buf))])
	}
	return excerpt
}
