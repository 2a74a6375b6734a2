package exchange

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkPost is the hot path: kept connections, a body of 1 KiB, a short
// answer, 64 at a time. net/http alone is the yardstick. cpu-µs/op is what the
// sender spends; the receiver is a process of its own, and the time on the
// clock depends on what else runs.
func BenchmarkPost(b *testing.B) {
	u := &url.URL{Scheme: "http", Host: startReceiver(b), Path: "/hook"}
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"webhook/1"},
		"X-Webhook-Signature": {"sha256=0000000000000000000000000000000000000000000000000000000000000000"}}
	payload := []byte(`{"type":"lead.scored","data":"` + strings.Repeat("x", 1000) + `"}`)

	b.Run("exchange", func(b *testing.B) {
		c := newClient(b, nil)
		measure(b, func() error {
			res := c.Post(b.Context(), Request{URL: u, Header: header, Body: payload, Timeout: 15 * time.Second})
			return res.Cause
		})
	})
	b.Run("nethttp", func(b *testing.B) {
		t := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
		defer t.CloseIdleConnections()
		measure(b, func() error {
			r := &http.Request{Method: "POST", URL: u, Header: header, ContentLength: int64(len(payload)),
				Body: io.NopCloser(bytes.NewReader(payload))}
			resp, err := t.RoundTrip(r)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		})
	})
}

func measure(b *testing.B, send func() error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime(b)
	for range 64 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := send(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op")
}

// startReceiver runs this test binary again, as a server.
func startReceiver(b *testing.B) (addr string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), receiverEnv+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	_, err = fmt.Fscan(out, &addr)
	require.NoError(b, err)
	return addr
}

const receiverEnv = "EXCHANGE_TEST_RECEIVER"

func TestMain(m *testing.M) {
	if os.Getenv(receiverEnv) == "" {
		os.Exit(m.Run())
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(ln.Addr())
	panic(http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	})))
}
