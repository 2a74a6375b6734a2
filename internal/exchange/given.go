package exchange

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// roundTrip makes the exchange with the transport that was given.
func (c *Client) roundTrip(x *exchange) Result {
	ctx, cancel := context.WithDeadline(x.ctx, x.deadline)
	defer cancel()
	resp, err := c.given.RoundTrip(x.request(ctx))
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	switch {
	case err != nil:
		return x.failure(err)
	case resp == nil:
		return internal(errors.New("exchange: the transport returned neither a response nor an error"))
	}
	res := judge(x, resp.StatusCode, resp.Header)
	// The body of a 101 is the bare connection: reading it ignores contexts
	// (RFC 9110, section 15.2.2).
	if resp.Body == nil || resp.StatusCode == http.StatusSwitchingProtocols {
		return res
	}
	defer time.AfterFunc(bodyPatience, cancel).Stop()
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	res.Excerpt, _ = c.readBody(resp.Body, buf, !resp.Close && resp.ContentLength <= maxBodyBytes)
	return res
}

// request is the message for net/http. GetBody stays nil: with it, and an
// Idempotency-Key header, net/http repeats requests that were already sent.
// Body is a type that net/http knows to be in memory, or it would flush the
// headers in a packet of their own.
func (x *exchange) request(ctx context.Context) *http.Request {
	header := x.Header
	if header == nil {
		header = http.Header{}
	}
	return (&http.Request{
		Method:        http.MethodPost,
		URL:           x.URL,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(x.Body)),
		ContentLength: int64(len(x.Body)),
	}).WithContext(ctx)
}
