package exchange

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHead(t *testing.T) {
	r := &Request{
		URL: mustURL(t, "https://u:p@hooks.example.com:8443/a%2Fb/?q=1#f"),
		Header: http.Header{
			"X-B": {"2", "3"}, "User-Agent": {"webhook/1"}, "X-A": {"\tä "}, "X-Empty": {""},
			"Host": {"other.example"}, "content-length": {"7"}, "Transfer-Encoding": {"chunked"}, "Trailer": {"T"},
		},
		Body: []byte("{}"),
	}
	head, err := appendHead(nil, r)
	require.NoError(t, err)
	require.Equal(t, "POST /a%2Fb/?q=1 HTTP/1.1\r\nHost: hooks.example.com:8443\r\nContent-Length: 2\r\n"+
		"User-Agent: webhook/1\r\nX-A: \tä \r\nX-B: 2\r\nX-B: 3\r\nX-Empty: \r\n\r\n", string(head))

	for _, bad := range []Request{
		{URL: &url.URL{Host: "a b"}},
		{URL: &url.URL{Host: "a\r\nX: y"}},
		{URL: &url.URL{Host: "ä.example"}},
		{URL: &url.URL{Host: "a.example", Path: "/", RawQuery: "a\r\nX: y"}},
		{URL: &url.URL{Host: "a.example", Path: "/", RawQuery: "a HTTP/1.0"}},
		{URL: &url.URL{Host: "a.example", Opaque: "/\n"}},
		{URL: &url.URL{Host: "a.example"}, Header: http.Header{"X": {"a\r\nY: b"}}},
		{URL: &url.URL{Host: "a.example"}, Header: http.Header{"X": {"a\nb"}}},
		{URL: &url.URL{Host: "a.example"}, Header: http.Header{"X": {"a\x00b"}}},
		{URL: &url.URL{Host: "a.example"}, Header: http.Header{"X: y\r\nZ": {"a"}}},
		{URL: &url.URL{Host: "a.example"}, Header: http.Header{"X ": {"a"}}},
		{URL: &url.URL{Host: "a.example"}, Header: http.Header{"": {"a"}}},
	} {
		_, err := appendHead(nil, &bad)
		require.Error(t, err, "%+v", bad)
	}
}

// Whatever is asked for, the wire holds one request, and it is that one.
func FuzzHead(f *testing.F) {
	f.Add("hooks.example.com", "/hook", "a=b", "X-A", "v", "{}")
	f.Add("hooks.example.com", "/hook", "", "Pragma", "no-cache", "{}")
	f.Add("a\r\n", "/\n", " ", "Transfer-Encoding", "chunked", "0\r\n\r\n")
	f.Fuzz(func(t *testing.T, host, path, query, name, value, body string) {
		r := &Request{URL: &url.URL{Scheme: "https", Host: host, Path: path, RawQuery: query}, Header: http.Header{name: {value}}, Body: []byte(body)}
		head, err := appendHead(nil, r)
		if err != nil {
			return
		}
		br := bufio.NewReader(bytes.NewReader(append(head, body...)))
		got, err := http.ReadRequest(br)
		if err != nil {
			if !strings.HasPrefix(path, "/") || strings.Contains(err.Error(), "parse \"") || strings.Contains(err.Error(), "malformed Host") {
				return // a URL that no guard lets pass
			}
			t.Fatalf("%q: %v", head, err)
		}
		sent, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		require.Equal(t, body, string(sent))
		require.Zero(t, br.Buffered(), "%q", head)
		require.Equal(t, "POST", got.Method)
		if strings.EqualFold(name, "Pragma") {
			delete(got.Header, "Cache-Control") // ReadRequest adds it beside no-cache
		}
		require.LessOrEqual(t, len(got.Header), 2, "%q", head)
		if !framing(name) && !strings.EqualFold(name, "Connection") {
			require.Equal(t, strings.Trim(value, " \t"), got.Header.Get(name))
		}
	})
}

// A body that the first write does not take arrives whole, and the connection
// is used again.
func TestLargeBody(t *testing.T) {
	got := make(chan []byte, 1)
	w := serve(t, func(p *peer) {
		for {
			r, err := http.ReadRequest(p.br)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(r.Body)
			got <- body
			p.say(ok)
		}
	})
	c := newClient(t, nil)
	for _, size := range []int{0, 1, 16<<10 - 200, 16 << 10, 16<<10 + 1, 100 << 10, 8 << 20, 3} {
		body := bytes.Repeat([]byte("0123456789abcde\n"), size/16+1)[:size]
		res := c.Post(t.Context(), Request{URL: w.url("http"), Body: body, Timeout: 20 * time.Second})
		require.True(t, res.Delivered(), "%+v", res)
		require.True(t, bytes.Equal(body, <-got), "%d bytes", size)
	}
	require.EqualValues(t, 1, w.conns.Load())
}

// A body that nobody reads holds neither the slot nor a goroutine.
func TestUnreadBody(t *testing.T) {
	before := runtime.NumGoroutine()
	w := serve(t, func(p *peer) { <-p.w.over })
	c := newClient(t, nil)
	res := c.Post(t.Context(), Request{URL: w.url("http"), Body: make([]byte, 16<<20), Timeout: short})
	require.Equal(t, ClassTimeout, res.Class, "%+v", res)
	require.Less(t, res.Took, short+slack)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	res = c.Post(ctx, Request{URL: w.url("http"), Body: make([]byte, 16<<20), Timeout: ample})
	require.True(t, res.Canceled, "%+v", res)
	require.Less(t, res.Took, slack)
	w.stop()
	settled(t, before)
}
