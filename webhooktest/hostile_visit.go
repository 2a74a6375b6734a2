package webhooktest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"time"
)

// visit is one connection, as a script sees it. What fails on it has failed
// because the client, or the test, has had enough: a script then just ends.
type visit struct {
	net.Conn
	in     *bufio.Reader
	server *Hostile
	raw    net.Conn // below TLS
}

func newVisit(h *Hostile, c net.Conn) *visit {
	return &visit{Conn: c, raw: c, in: bufio.NewReader(c), server: h}
}

// head reads the head of a request, nil at the end of what is HTTP.
func (v *visit) head() *http.Request {
	r, err := http.ReadRequest(v.in)
	if err != nil {
		return nil
	}
	v.server.asked()
	return r
}

// request reads a whole request.
func (v *visit) request() bool {
	r := v.head()
	if r == nil {
		return false
	}
	_, err := io.Copy(io.Discard, r.Body)
	return err == nil
}

func (v *visit) write(s string) bool {
	_, err := io.WriteString(v, s)
	return err == nil
}

// pause waits, and says whether the server is still wanted then.
func (v *visit) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-v.server.over:
		return false
	}
}

// linger says nothing more until the client goes, and counts what it sends.
func (v *visit) linger() {
	for v.request() {
	}
	_, _ = io.Copy(io.Discard, v.in)
}

// drip writes s byte by byte, again and again.
func (v *visit) drip(s string) {
	for i := 0; v.write(s[i:i+1]) && v.pause(10*time.Millisecond); {
		i = (i + 1) % len(s)
	}
}

// flood writes s again and again, many at a time.
func (v *visit) flood(s string) {
	many := bytes.Repeat([]byte(s), 1+(16<<10)/len(s))
	for err := error(nil); err == nil; {
		_, err = v.Write(many)
	}
}

// reset closes the connection with a RST, once what was written has arrived.
func (v *visit) reset() {
	v.pause(50 * time.Millisecond)
	if c, ok := v.raw.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	_ = v.raw.Close()
}
