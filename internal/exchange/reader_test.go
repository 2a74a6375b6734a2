package exchange

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// readAll reads one answer and its body.
func readAll(from io.Reader) (a answer, body []byte, whole bool, err error) {
	r := newReader(from)
	defer r.release()
	if a, err = r.answer(); err != nil {
		return a, nil, false, err
	}
	body, err = io.ReadAll(r)
	return a, body, err == nil && r.empty() && !a.close, nil
}

func TestAnswer(t *testing.T) {
	for in, want := range map[string]struct {
		status   int
		body     string
		reusable bool
	}{
		ok: {200, "ok", true},
		"HTTP/1.1 200 \r\nContent-Length:2\r\n\r\nok":                                                            {200, "ok", true},
		"HTTP/1.1  200\nX : y\nContent-Length: \t2 \n\nok":                                                       {200, "ok", true},
		"HTTP/1.1 200 OK\r\nX: y\r\n z\r\ncontent-LENGTH:\r\n 2\r\n\r\nok":                                       {200, "ok", true},
		"HTTP/1.1 204 No\r\n\r\n":                                                                                {204, "", true},
		"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok":                                                         {204, "", false},
		"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n":                                                  {304, "", true},
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore":                                                     {200, "ok", false},
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok":                                                         {200, "ok", false},
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok":                                    {200, "ok", true},
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x, Close\r\n\r\nok":                                 {200, "ok", false},
		"HTTP/1.1 200 OK\r\n\r\nok":                                                                              {200, "ok", false},
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok":                                                         {200, "ok", false},
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok":                               {200, "ok", true},
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nok":                                                {200, "ok", false},
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\nok": {200, "ok", false},
		"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok":                                                         {200, "ok", false},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n":                              {200, "ok", true},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n2\r\nok\r\n0\r\nT: v\r\n\r\n":                      {200, "ok", true},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n":                                  {200, "ok", false},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nHTTP/1.1 5\r\n\r\n":                {200, "ok", false},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nmore":                          {200, "ok", false},
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                    {200, "", false},
		"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\n" + ok:                                           {200, "ok", true},
		"HTTP/1.1 101 S\r\n\r\n" + ok:                                                                            {101, "", false},
		"HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n":                                                         {0, "", true},
		"HTTP/1.1 200 \x00\xff\r\nX:\xff\r\nContent-Length: 2\r\n\r\nok":                                         {200, "ok", true},
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 50<<10) + "\r\nContent-Length: 2\r\n\r\nok":               {200, "ok", true},
	} {
		for name, from := range map[string]io.Reader{"whole": strings.NewReader(in), "in single bytes": iotest.OneByteReader(strings.NewReader(in))} {
			a, body, reusable, err := readAll(from)
			require.NoError(t, err, "%.100q", in)
			require.Equal(t, want.status, a.status, "%.100q", in)
			require.Equal(t, want.body, string(body), "%.100q", in)
			if name == "whole" {
				require.Equal(t, want.reusable, reusable, "%.100q", in)
			}
		}
	}
	for in, want := range map[string]error{
		"":                                io.EOF,
		"H":                               io.EOF,
		"HTTP/1.1 200 OK\r\n":             io.EOF,
		"h":                               errNotHTTP,
		"\x15":                            errNotHTTP,
		"HTTQ":                            errNotHTTP,
		"HTTP/1.1\r\n":                    errNotHTTP,
		"HTTP/1 200 OK\r\n":               errNotHTTP,
		"HTTP/1.1\t200 OK\r\n":            errNotHTTP,
		"HTTP/11.1 200 OK\r\n":            errNotHTTP,
		"HTTP/1.1 2000 OK\r\n":            errNotHTTP,
		"HTTP/1.1 +20 OK\r\n":             errNotHTTP,
		"HTTP/1.1 20 OK\r\n":              errNotHTTP,
		"HTTP/1.1 200 OK\r\n X: y\r\n":    errNotHTTP,
		"HTTP/1.1 200 OK\r\n\tX: y\r\n":   errNotHTTP,
		"HTTP/1.1 200 OK\r\nX\r\n":        errNotHTTP,
		"HTTP/1.1 200 OK\r\nX\r\n y: z\n": errNotHTTP,
		"HTTP/1.1 200 OK\r\n: y\r\n":      errNotHTTP,
		"HTTP/1.1 200 OK\r\nX\x00: y\r\n": errNotHTTP,
		"HTTP/1.1 200 OK\r\nX: \x00\r\n":  errNotHTTP,
		"HTTP/1.1 200 OK\r\nX: y\r\r\n":   errNotHTTP,
		"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n":                            errNotHTTP,
		"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n":                          errNotHTTP,
		"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n":                         errNotHTTP,
		"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n":                        errNotHTTP,
		"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n":         errNotHTTP,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n":      errNotHTTP,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n":            errNotHTTP,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x ": io.EOF,
		"HTTP/1.1 103 E\r\n\r\nbanner":                                           errNotHTTP,
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 64<<10):                   errHeaders,
		strings.Repeat("HTTP/1.1 103 E\r\n\r\n", 4<<10):                          errHeaders,
		"HTTP/1.1 200 OK\r\nX: y\r\n" + strings.Repeat(" z\r\n", 16<<10):         errHeaders,
	} {
		_, _, _, err := readAll(strings.NewReader(in))
		require.ErrorIs(t, err, want, "%.100q", in)
	}
}

// net/http is the yardstick for what an answer says. Where it fails, we may
// not find a success; where it succeeds, we find the same.
func FuzzAnswer(f *testing.F) {
	f.Add(ok)
	f.Add("HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nokmore")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n2;x=y\r\nok\r\n0\r\nT: v\r\n\r\nHTTP/1.1")
	f.Add("HTTP/1.1 429 Slow\nRetry-After:  7\n Keep\nKeep-Alive: timeout=5\nConnection: a,close\n\nbye")
	f.Add("HTTP/1.1 204 No Content\r\nX: \x00\r\n\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		a, body, reusable, err := readAll(strings.NewReader(in))
		br := bufio.NewReader(strings.NewReader(in))
		resp, wantErr := http.ReadResponse(br, nil)
		for wantErr == nil && resp.StatusCode >= 100 && resp.StatusCode <= 199 && resp.StatusCode != 101 {
			resp, wantErr = http.ReadResponse(br, nil)
		}
		if err != nil {
			if wantErr == nil && !stricter(in) && !errors.Is(err, errHeaders) {
				t.Fatalf("%q: %v, and net/http takes it", in, err)
			}
			return
		}
		if wantErr != nil {
			if strings.Contains(wantErr.Error(), "bad trailer key") {
				return // net/http looks at what the Trailer header announces
			}
			t.Fatalf("%q: status %d, and net/http says %v", in, a.status, wantErr)
		}
		if a.status != resp.StatusCode {
			t.Fatalf("%q: status %d, want %d", in, a.status, resp.StatusCode)
		}
		want, wantErr := io.ReadAll(resp.Body)
		if wantErr != nil && strings.Contains(wantErr.Error(), "trailer") {
			return // net/http wants CRLF at the very end, and all of it at once
		}
		if string(want) != string(body) {
			t.Fatalf("%q: body %q, want %q", in, body, want)
		}
		if reusable && (wantErr != nil || resp.Close || br.Buffered() > 0) {
			t.Fatalf("%q: the connection would be used again; net/http: %v, close %v, %d bytes more", in, wantErr, resp.Close, br.Buffered())
		}
	})
}

// stricter names what net/http takes and we do not: a sign in the status.
func stricter(in string) bool { return strings.Contains(in, " +") || strings.Contains(in, " -") }

// An endpoint cannot make an attempt expensive with headers.
func TestHostileMemory(t *testing.T) {
	var many strings.Builder
	for i := 0; many.Len() < 100<<10; i++ {
		fmt.Fprintf(&many, "X%d:\n", i)
	}
	for name, lines := range map[string]string{
		"many names":      many.String(),
		"one name":        strings.Repeat("X: y\r\n", 20<<10),
		"a name we want":  strings.Repeat("Retry-After: 1\r\n", 8<<10),
		"one line":        "X: " + strings.Repeat("y", 100<<10),
		"folded lines":    "X: y\r\n" + strings.Repeat(" z\r\n", 30<<10),
		"interim answers": "Link: </a>\r\n\r\n" + strings.Repeat("HTTP/1.1 103 E\r\nLink: </b>\r\n\r\n", 4<<10),
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, func(p *peer) {
				for p.request() {
					if !p.say("HTTP/1.1 103 Early Hints\r\n" + lines) {
						return
					}
				}
			})
			c := newClient(t, nil)
			post(c, w.url("http"), 10*time.Second)
			const n = 20
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range n {
				require.Equal(t, ClassHeaders, post(c, w.url("http"), 10*time.Second).Class)
			}
			runtime.ReadMemStats(&after) // the server's share is in it, too
			require.Less(t, (after.TotalAlloc-before.TotalAlloc)/n, uint64(1<<20))
		})
	}
}
