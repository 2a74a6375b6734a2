package exchange

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"
)

// BenchmarkPost is the hot path: a kept connection, a small body, a short
// answer. net/http alone, on the same server, is the yardstick.
func BenchmarkPost(b *testing.B) {
	w := serve(b, func(p *peer) {
		buf := make([]byte, 4096)
		for {
			n, err := p.Read(buf)
			if err != nil {
				return
			}
			if bytes.HasSuffix(buf[:n], []byte("}")) {
				p.say(ok)
			}
		}
	})
	u := w.url("http")
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"webhook/1"},
		"X-Webhook-Signature": {"sha256=0000000000000000000000000000000000000000000000000000000000000000"}}
	payload := []byte(`{"type":"lead.scored","data":{"id":"lead_1","score":71}}`)

	b.Run("exchange", func(b *testing.B) {
		c := newClient(b, nil)
		b.ReportAllocs()
		for b.Loop() {
			if res := c.Post(b.Context(), Request{URL: u, Header: header, Body: payload, Timeout: 15 * time.Second}); !res.Delivered() {
				b.Fatalf("%+v", res)
			}
		}
	})
	b.Run("net/http", func(b *testing.B) {
		t := newClient(b, nil).own.Clone()
		t.DialContext = nil
		defer t.CloseIdleConnections()
		b.ReportAllocs()
		for b.Loop() {
			r := (&http.Request{Method: "POST", URL: u, Header: header, ContentLength: int64(len(payload)),
				Body: io.NopCloser(bytes.NewReader(payload))}).WithContext(b.Context())
			resp, err := t.RoundTrip(r)
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}
