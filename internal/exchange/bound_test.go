package exchange

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A chain of usual size passes, with long lists of authorities too. What is
// larger is not parsed, and a large session is not kept.
func TestLargeHandshake(t *testing.T) {
	a := newAuthority(t)
	var more [][]byte // certificates behind the server's own, not all the same
	for range 10 {
		more = append(more, newAuthority(t).cert.Raw)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, test := range []struct {
			bytes   int
			ticket  int
			class   Class
			resumed bool
		}{
			{0, 100, "", true}, {8 << 10, 100, "", true}, {24 << 10, 100, "", false}, {33 << 10, 100, ClassTLS, false}, {200 << 10, 100, ClassTLS, false},
			{0, 4 << 10, "", true}, {0, 4<<10 + 1, "", false},
		} {
			server := a.issue(t, "hooks.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
			server.MaxVersion = version
			var session *tls.SessionState
			server.WrapSession = func(_ tls.ConnectionState, s *tls.SessionState) ([]byte, error) {
				session = s
				return make([]byte, test.ticket), nil
			}
			server.UnwrapSession = func(ticket []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
				if len(ticket) == 0 {
					return nil, nil
				}
				return session, nil
			}
			chain := &server.Certificates[0].Certificate
			for size := 0; size < test.bytes; size += len((*chain)[len(*chain)-1]) {
				*chain = append(*chain, more[len(*chain)%len(more)])
			}
			resumed := make(chan bool, 2)
			w := serve(t, func(p *peer) {
				over := tls.Server(p.Conn, server)
				if over.Handshake() != nil {
					return
				}
				resumed <- over.ConnectionState().DidResume
				p.Conn = over
				p.br.Reset(over)
				p.request()
				p.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			})
			c := named(t, w, a.roots())
			u := mustURL(t, "https://hooks.example.com/")
			for i := range 2 {
				res := post(c, u, 10*time.Second)
				require.Equal(t, test.class, res.Class, "%d bytes: %+v", test.bytes, res)
				if test.class != "" {
					require.Equal(t, textTLSTooLarge, res.Error)
					require.Zero(t, w.requests.Load())
					continue
				}
				require.Equal(t, test.resumed && i > 0, <-resumed, "TLS %x, %d bytes", version, test.bytes)
			}
			w.stop()
		}
	}
}

// An exchange reads a bounded number of bytes, whatever the layers make of them.
func TestWireIsBounded(t *testing.T) {
	a := newAuthority(t)
	server := a.issue(t, "hooks.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	var sent int
	w := serve(t, func(p *peer) {
		over := tls.Server(p.Conn, server)
		if over.Handshake() != nil {
			return
		}
		p.br.Reset(over)
		p.request()
		// A record each.
		for err := error(nil); err == nil && sent < 100<<10; sent++ {
			_, err = over.Write([]byte("HTTP/1.1 200 OK\r\nX: "[min(sent, 19):][:1]))
		}
		p.hang()
	})
	res := post(named(t, w, a.roots()), mustURL(t, "https://hooks.example.com/"), 10*time.Second)
	require.Equal(t, ClassHeaders, res.Class, "%+v", res)
	require.ErrorIs(t, res.Cause, errTooMuch, "the headers alone are not 64 KiB by then")

	near, far := net.Pipe()
	go func() { io.Copy(far, strings.NewReader(strings.Repeat("x", 100))); far.Close() }()
	s := newSocket(near)
	for _, n := range []int{7, 3, 40} {
		s.allow(n)
		var got bytes.Buffer
		_, err := io.Copy(&got, s)
		require.ErrorIs(t, err, errTooMuch)
		require.Equal(t, n, got.Len())
	}
	s.allow(51)
	got, err := io.ReadAll(s)
	require.NoError(t, err)
	require.Len(t, got, 50)
}
