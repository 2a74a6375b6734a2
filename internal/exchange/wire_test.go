package exchange

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var gzipBomb = sync.OnceValue(func() string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(bytes.Repeat([]byte("a"), 1<<20))
	w.Close()
	return b.String()
})

// reply answers one request with bytes and closes.
func reply(s string) func(*peer) {
	return func(p *peer) {
		if p.request() {
			p.say(s)
		}
	}
}

// keep answers one request with bytes and stays.
func keep(s string) func(*peer) {
	return func(p *peer) {
		if p.request() {
			p.say(s)
			p.hang()
		}
	}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

var wireCases = []struct {
	name   string
	script func(*peer)
	status int
	class  Class
	text   string // part of the sentence
	body   string // the excerpt's start
	unread bool   // the script counts no request
}{
	{"ok", keep(ok), 200, "", "", "ok", false},
	{"no content", keep("HTTP/1.1 204 No Content\r\n\r\n"), 204, "", "", "", false},
	{"HTTP/1.0", reply("HTTP/1.0 200 OK\n\nbye"), 200, "", "", "bye", false},
	{"bare line feeds", keep("HTTP/1.1 202 Accepted\nContent-Length: 2\n\nok"), 202, "", "", "ok", false},
	{"chunked", keep("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"), 200, "", "", "abcde", false},
	{"in single bytes", func(p *peer) {
		p.request()
		for _, b := range []byte("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") {
			p.Write([]byte{b})
			time.Sleep(time.Millisecond / 4)
		}
		p.hang()
	}, 200, "", "", "ok", false},
	{"interim answers first", keep("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + ok), 200, "", "", "ok", false},

	{"reset at accept", func(p *peer) { p.reset() }, 0, ClassReset, "closed before", "", true},
	{"closed at accept", func(p *peer) {}, 0, ClassReset, "closed before an answer", "", true},
	{"reset after the request", func(p *peer) { p.request(); p.reset() }, 0, ClassReset, "closed before an answer", "", false},
	{"closed after the request", func(p *peer) { p.request() }, 0, ClassReset, "closed before an answer", "", false},
	{"closed in the status line", reply("HTTP/1.1 20"), 0, ClassReset, "middle of the answer", "", false},
	{"closed in the headers", reply("HTTP/1.1 200 OK\r\nContent-"), 0, ClassReset, "middle of the answer", "", false},
	{"reset in the headers", func(p *peer) {
		p.request()
		p.say("HTTP/1.1 200 OK\r\nContent-")
		time.Sleep(30 * time.Millisecond)
		p.reset()
	}, 0, ClassReset, "middle of the answer", "", false},
	{"reset in the body", func(p *peer) {
		p.request()
		p.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
		time.Sleep(30 * time.Millisecond)
		p.reset()
	}, 200, "", "", "half", false},

	{"never answers", keep(""), 0, ClassTimeout, "no answer within 700 ms: answer first", "", false},
	{"drips the status line", func(p *peer) { p.request(); p.drip("HTTP/1.1 200 and then some ") }, 0, ClassTimeout, "headers were not complete", "", false},
	{"drips headers", func(p *peer) { p.request(); p.say("HTTP/1.1 200 OK\r\n"); p.drip("X: y\r\n") }, 0, ClassTimeout, "headers were not complete", "", false},
	{"drips the body of a success", func(p *peer) { p.request(); p.say("HTTP/1.1 200 OK\r\n\r\n"); p.drip("z") }, 200, "", "", "zz", false},
	{"drips the body of a failure", func(p *peer) {
		p.request()
		p.say("HTTP/1.1 500 No\r\nContent-Length: 99999\r\n\r\n")
		p.drip("z")
	}, 500, ClassStatus, "answered 500", "zz", false},
	{"stalls in the body", keep("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), 200, "", "", "abc", false},

	{"endless header line", func(p *peer) {
		p.request()
		for p.say("HTTP/1.1 200 OK\r\nX: ") && p.say(strings.Repeat("y", 8<<10)) {
			for p.say(strings.Repeat("y", 8<<10)) {
			}
		}
	}, 0, ClassHeaders, "64 KiB", "", false},
	{"headers of 80 KiB", keep("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1019)+"\r\n", 80) + "\r\n"), 0, ClassHeaders, "64 KiB", "", false},
	{"headers of 48 KiB", keep("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1019)+"\r\n", 48) + "\r\n"), 200, "", "", "", false},
	{"endless headers", func(p *peer) {
		p.request()
		for p.say("HTTP/1.1 200 OK\r\n"); p.say(strings.Repeat("X: y\r\n", 500)); {
		}
	}, 0, ClassHeaders, "64 KiB", "", false},
	{"endless interim answers", func(p *peer) {
		p.request()
		for p.say(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 100)) {
		}
	}, 0, ClassHeaders, "64 KiB", "", false},
	{"101 and silence", keep("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), 101, ClassStatus, "unexpected status", "", false},
	{"101 without an upgrade", keep("HTTP/1.1 101 Switching Protocols\r\n\r\nmore"), 101, ClassStatus, "unexpected status", "", false},

	{"greets like SMTP", func(p *peer) { p.say("220 mail.example.com ESMTP\r\n"); p.hang() }, 0, ClassNotHTTP, "not HTTP", "", true},
	{"answers like SMTP", keep("220 mail.example.com ESMTP\r\n"), 0, ClassNotHTTP, "not HTTP", "", false},
	{"answers in TLS", keep("\x15\x03\x01\x00\x02\x02\x0a\r\n"), 0, ClassNotHTTP, "not HTTP", "", false},
	{"answers in HTTP/2", keep("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x10\x00\x00\n"), 0, ClassNotHTTP, "not HTTP", "", false},
	{"answers in bytes without a line", keep("\x00\x01\x02"), 0, ClassNotHTTP, "not HTTP", "", false},
	{"status 000", reply("HTTP/1.1 000 Zero\r\n\r\n"), 0, ClassStatus, "answered 000", "", false},
	{"status 099", reply("HTTP/1.1 099 Odd\r\n\r\n"), 99, ClassStatus, "answered 099", "", false},
	{"status 999", reply("HTTP/1.1 999 Odd\r\n\r\n"), 999, ClassStatus, "answered 999", "", false},
	{"status 2000", reply("HTTP/1.1 2000 Odd\r\n\r\n"), 0, ClassNotHTTP, "not HTTP", "", false},
	{"status -20", reply("HTTP/1.1 -20 Odd\r\n\r\n"), 0, ClassNotHTTP, "not HTTP", "", false},
	{"status 299", reply("HTTP/1.1 299 Odd\r\n\r\n"), 299, "", "", "", false},
	{"status 300", reply("HTTP/1.1 300 Many\r\n\r\n"), 300, ClassStatus, "answered 300", "", false},
	{"status 410", reply("HTTP/1.1 410 Gone\r\n\r\n"), 410, ClassStatus, "answered 410", "", false},
	{"conflicting lengths", reply("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"), 0, ClassNotHTTP, "not HTTP", "", false},
	{"negative length", reply("HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nabc"), 0, ClassNotHTTP, "not HTTP", "", false},
	{"greatest length", reply("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nabc"), 200, "", "", "abc", false},
	{"broken chunks", keep("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc"), 200, "", "", "", false},
	{"endless chunks", func(p *peer) {
		p.request()
		for p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); p.say(strings.Repeat("4\r\nabcd\r\n", 500)); {
		}
	}, 200, "", "", "abcdabcd", false},
	{"endless body", func(p *peer) {
		p.request()
		for p.say("HTTP/1.1 404 No\r\n\r\n"); p.say(strings.Repeat("abcd", 500)); {
		}
	}, 404, ClassStatus, "answered 404", "abcdabcd", false},
	{"gzip bomb", func(p *peer) {
		p.request()
		bomb := gzipBomb()
		p.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(bomb), bomb))
		p.hang()
	}, 200, "", "", "\ufffd", false},
	{"hostile text", reply("HTTP/1.1 500 \x1b[31m\r\n\r\na\x00b\x1b[31m\xff\xfe\u202ec\r\nd"), 500, ClassStatus, "answered 500: ", "a\ufffdb\ufffd[31m\ufffdc\nd", false},
	{"answers twice", keep(ok + "HTTP/1.1 500 No\r\n\r\n"), 200, "", "", "ok", false},
	{"answers twice without a body", keep("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 No\r\n\r\n"), 204, "", "", "", false},
	{"answers twice in chunks", keep("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 500 No\r\n\r\n"), 200, "", "", "ok", false},
	{"answers again later", func(p *peer) {
		p.request()
		p.say(ok)
		time.Sleep(20 * time.Millisecond)
		p.say("HTTP/1.1 500 No\r\n\r\n")
		p.hang()
	}, 200, "", "", "ok", false},
}

func TestWire(t *testing.T) {
	for _, tc := range wireCases {
		t.Run(tc.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			logged := captureLog(t)
			w := serve(t, tc.script)
			c := newClient(t, nil)

			start := time.Now()
			res := post(c, w.url("http"), patience(tc.class))
			took := time.Since(start)

			require.Equal(t, tc.class, res.Class, "%+v", res)
			require.Equal(t, tc.status, res.Status)
			require.Contains(t, res.Error, tc.text)
			require.True(t, strings.HasPrefix(string(res.Excerpt), tc.body), "%.80q", res.Excerpt)
			require.Equal(t, tc.class == "", res.Delivered())
			require.False(t, res.Canceled)
			require.Less(t, took, max(short, bodyPatience)+slack)
			require.LessOrEqual(t, res.Took, took)
			requireClean(t, res.Excerpt)
			requireSentence(t, res)

			time.Sleep(30 * time.Millisecond) // what comes late has to come
			c.CloseIdle()
			w.stop()
			settled(t, before)
			require.Empty(t, logged(), "the process-wide log is not the endpoint's to write to")
			require.EqualValues(t, 1, w.conns.Load())
			if !tc.unread {
				require.EqualValues(t, 1, w.requests.Load())
			}
		})
	}
}

func TestRefused(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{ln: ln}
	ln.Close()
	res := post(newClient(t, nil), w.url("http"), time.Second)
	require.Equal(t, ClassRefused, res.Class)
	require.Error(t, res.Cause)
	requireSentence(t, res)
}

// A body is given less time than the attempt: its end is worth a connection,
// not a slot for the rest of the timeout.
func TestBodyPatience(t *testing.T) {
	dial := pipes(func(p net.Conn) {
		http.ReadRequest(bufio.NewReader(p))
		io.WriteString(p, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
		io.Copy(io.Discard, p)
	})
	given := roundTripper(func(r *http.Request) (*http.Response, error) {
		body, w := io.Pipe()
		go io.WriteString(w, "abc")
		context.AfterFunc(r.Context(), func() { w.CloseWithError(r.Context().Err()) })
		return &http.Response{StatusCode: 200, Body: body}, nil
	})
	for name, o := range map[string]Options{"own": {Dial: dial, DialPlain: dial}, "given": {Transport: given}} {
		for timeout, want := range map[time.Duration]time.Duration{time.Minute: bodyPatience, time.Second: time.Second} {
			synctest.Test(t, func(t *testing.T) {
				c, err := New(o)
				require.NoError(t, err)
				res := post(c, mustURL(t, "http://hooks.example.com/"), timeout)
				require.True(t, res.Delivered(), "%s: %+v", name, res)
				require.Equal(t, "abc", string(res.Excerpt))
				require.Equal(t, want, res.Took, name)
			})
		}
	}
}

// pipes is a dialer of connections in memory, whose times are exact in a bubble.
func pipes(script func(net.Conn)) DialFunc {
	return func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			script(there)
		}()
		return here, nil
	}
}

// The answer counts, though the request could not be written to its end.
func TestEarlyAnswer(t *testing.T) {
	for name, end := range map[string]func(*peer){
		"stays":  func(p *peer) { <-p.w.over },
		"closes": func(p *peer) {},
		"resets": func(p *peer) { time.Sleep(20 * time.Millisecond); p.reset() },
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				w := serve(t, func(p *peer) {
					p.br.ReadString('\n')
					p.say("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
					end(p)
				})
				c := newClient(t, nil)
				res := c.Post(t.Context(), Request{URL: w.url("http"), Body: make([]byte, 16<<20), Timeout: ample})
				require.Equal(t, 413, res.Status, "%+v", res)
				require.Equal(t, ClassStatus, res.Class)
				require.Less(t, res.Took, slack, "the rest of the request is not waited for")
				require.EqualValues(t, 1, w.conns.Load())
				w.stop()
			}
		})
	}
}

// How long the rest of a request that nobody reads is waited for, exactly.
func TestWritePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		defer close(over)
		dial := pipes(func(p net.Conn) {
			p.Read(make([]byte, 64<<10)) // the first write, as a whole
			io.WriteString(p, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
			<-over
		})
		c, err := New(Options{Dial: dial, DialPlain: dial})
		require.NoError(t, err)
		res := c.Post(t.Context(), Request{URL: mustURL(t, "http://hooks.example.com/"), Body: make([]byte, 1<<20), Timeout: time.Minute})
		require.Equal(t, 413, res.Status, "%+v", res)
		require.Equal(t, "big", string(res.Excerpt))
		require.Equal(t, writePatience, res.Took)
	})
}
