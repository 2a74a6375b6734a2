package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook/events"
)

// special returns an address at both edges and inside of every range of the
// registries.
func special(t *testing.T) []netip.Addr {
	t.Helper()
	data, err := os.ReadFile("internal/guard/testdata/special_ranges.json")
	require.NoError(t, err)
	var file struct{ Ranges []struct{ Prefix string } }
	require.NoError(t, json.Unmarshal(data, &file))
	var out []netip.Addr
	for _, r := range file.Ranges {
		p, err := netip.ParsePrefix(r.Prefix)
		if err != nil || p.Addr().Is4In6() {
			continue // all but 2000::/3, and other spellings: internal/guard has them
		}
		first, last := p.Addr().AsSlice(), p.Addr().AsSlice()
		for i := p.Bits(); i < len(last)*8; i++ {
			last[i/8] |= 0x80 >> (i % 8)
		}
		middle := append([]byte(nil), last...)
		middle[len(middle)-1] &= first[len(first)-1] | 0x2a
		for _, b := range [][]byte{first, middle, last} {
			a, _ := netip.AddrFromSlice(b)
			out = append(out, a)
		}
	}
	require.Greater(t, len(out), 150)
	return out
}

// listening counts the connections to an address of this machine.
func listening(t *testing.T, address string) (port string, accepted *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	accepted = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, accepted
}

// names are what the machine's resolver knows while a test runs: addresses, or
// one other name.
type names struct {
	mu sync.Mutex
	by map[string][]string
}

func resolving(t *testing.T) *names {
	n := &names{by: map[string][]string{}}
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go n.serve(server)
		return client, nil
	}}
	return n
}

func (n *names) set(name string, answers ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.by[name] = answers
}

// serve answers one question, by DNS over a stream (RFC 1035 4.2.2).
func (n *names) serve(c net.Conn) {
	defer c.Close()
	size := make([]byte, 2)
	if _, err := io.ReadFull(c, size); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(size))
	if _, err := io.ReadFull(c, query); err != nil {
		return
	}
	var labels []string
	end := 12
	for query[end] != 0 {
		labels = append(labels, string(query[end+1:end+1+int(query[end])]))
		end += 1 + int(query[end])
	}
	kind := binary.BigEndian.Uint16(query[end+1:])
	n.mu.Lock()
	found := n.by[strings.Join(labels, ".")]
	var records []byte
	count := byte(0)
	add := func(owner []byte, kind uint16, data []byte) []byte {
		count++
		records = binary.BigEndian.AppendUint16(append(records, owner...), kind)
		records = binary.BigEndian.AppendUint16(append(records, 0, 1, 0, 0, 0, 0), uint16(len(data)))
		records = append(records, data...)
		return data
	}
	owner := []byte{0xc0, 12}
	if _, err := netip.ParseAddr(strings.Join(found, " ")); len(found) == 1 && err != nil {
		var alias []byte
		for _, l := range strings.Split(found[0], ".") {
			alias = append(append(alias, byte(len(l))), l...)
		}
		owner, found = add(owner, 5, append(alias, 0)), n.by[found[0]]
	}
	n.mu.Unlock()
	for _, text := range found {
		if a := netip.MustParseAddr(text); a.Is4() && kind == 1 || a.Is6() && kind == 28 {
			add(owner, kind, a.AsSlice())
		}
	}
	answer := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0}, query[12:end+5]...)
	answer = append(answer, records...)
	_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
}

// TestNoPathReachesASpecialAddress goes every way that a URL can take, with
// every special address: as text, as the answer of the DNS, and in rows that
// nobody judged.
func TestNoPathReachesASpecialAddress(t *testing.T) {
	dns := resolving(t)
	port, accepted := listening(t, "0.0.0.0:0")
	d := newDispatcher(t, &Options{Retry: Schedule{}, EndpointLimit: func(string) int { return 1000 }})
	ctx := t.Context()
	public, err := d.CreateEndpoint(ctx, Endpoint{Account: "other", Name: "n", URL: "https://crm.example.com", Events: good().Events})
	require.NoError(t, err)
	rows := map[string]netip.Addr{}
	for i, a := range special(t) {
		literal := "https://" + netip.AddrPortFrom(a, 0).String()
		literal = strings.TrimSuffix(literal, "0") + port
		e := good()
		e.URL = literal
		_, err := d.CreateEndpoint(ctx, e)
		require.Equal(t, "url_address", fields(t, err)["url"].Code, literal)
		_, err = d.TestNew(ctx, e, events.LeadScored)
		require.Equal(t, "url_address", fields(t, err)["url"].Code, literal)
		patch := EndpointPatch{URL: Set(literal)}
		_, err = d.UpdateEndpoint(ctx, public.Account, public.ID, 0, patch)
		require.Equal(t, "url_address", fields(t, err)["url"].Code, literal)
		_, err = d.Test(ctx, public.Account, public.ID, events.LeadScored, patch)
		require.Equal(t, "url_address", fields(t, err)["url"].Code, literal)

		name := fmt.Sprintf("r%d.example.com", i)
		dns.set(name, a.String())
		e.URL = "https://" + name + ":" + port
		created, err := d.CreateEndpoint(ctx, e)
		require.NoError(t, err, "its text is in order")
		rows[created.ID] = a
		fresh := e
		fresh.Account = name // an account has 10 a minute
		attempt, err := d.TestNew(ctx, fresh, events.LeadScored)
		require.NoError(t, err)
		require.Equal(t, ClassAddress, attempt.Class, "%s: %s", a, attempt.Error)
		attempt, err = d.Test(ctx, e.Account, created.ID, events.LeadScored, EndpointPatch{})
		require.NoError(t, err)
		require.Equal(t, ClassAddress, attempt.Class, "%s: %s", a, attempt.Error)

		e.ID, e.URL, e.Enabled = newID(), literal, true
		_, err = d.store.PutEndpoint(ctx, e, 1000)
		require.NoError(t, err)
		rows[e.ID] = a
		attempt, err = d.Test(ctx, e.Account, e.ID, events.LeadScored, EndpointPatch{})
		require.NoError(t, err)
		require.Equal(t, ClassAddress, attempt.Class, "%s: %s", a, attempt.Error)
	}
	refused := func(want int) (ids []int64) {
		t.Helper()
		drained(t, d)
		log, err := d.ListDeliveries(ctx, DeliveryQuery{Account: good().Account, Limit: 1000})
		require.NoError(t, err)
		require.Len(t, log, want)
		for _, r := range log {
			require.Equal(t, ReasonFailed, r.Reason)
			require.Equal(t, ClassAddress, r.Attempts[0].Class, "%s: %s", rows[r.Endpoint], r.Attempts[0].Error)
			require.NotContains(t, r.Attempts[0].Error, rows[r.Endpoint].String(), "never which address")
			ids = append(ids, r.ID)
		}
		return ids
	}
	_, err = d.Emit(ctx, scored())
	require.NoError(t, err)
	for _, id := range refused(len(rows)) {
		_, err := d.Resend(ctx, good().Account, id)
		require.NoError(t, err)
	}
	refused(2 * len(rows))
	require.Zero(t, accepted.Load(), "no connection was made")
}

// TestAddressesThatChange has one name whose address was allowed and is not
// any more, stands beside one that is not, or behind another name; and a
// receiver and an environment that lead to one that is not.
func TestAddressesThatChange(t *testing.T) {
	const allowed, other = "127.0.0.1", "127.0.0.2"
	dns := resolving(t)
	var got atomic.Int64
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Add(1)
		w.Header().Set("Connection", "close") // every attempt dials
		if r.URL.Path == "/redirect" {
			w.Header().Set("Location", "https://"+other+r.Host[strings.LastIndex(r.Host, ":"):])
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	}))
	defer srv.Close()
	port := srv.URL[strings.LastIndex(srv.URL, ":"):]
	_, accepted := listening(t, other+port)
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"} {
		t.Setenv(name, "http://"+other+port)
	}
	o := trusting(srv)
	o.AllowPrefixes = []netip.Prefix{netip.MustParsePrefix(allowed + "/32")}
	o.Retry = Schedule{}
	d := newDispatcher(t, o)
	e := good()
	e.URL = "https://example.com" + port // which the server has a certificate for
	dns.set("example.com", allowed)
	e, err := d.CreateEndpoint(t.Context(), e)
	require.NoError(t, err)
	for _, step := range []struct {
		answers []string
		class   string
		path    string
	}{
		{answers: []string{allowed}},
		{answers: []string{other}, class: ClassAddress},
		{answers: []string{allowed}},
		{answers: []string{other, allowed}},
		{answers: []string{allowed, other}},
		{answers: []string{"::ffff:" + other}, class: ClassAddress},
		{answers: []string{"alias.example.com"}, class: ClassAddress},
		{answers: []string{allowed}, class: ClassRedirect, path: "/redirect"},
		{answers: []string{allowed}},
	} {
		dns.set("example.com", step.answers...)
		dns.set("alias.example.com", other)
		_, err := d.UpdateEndpoint(t.Context(), e.Account, e.ID, 0, EndpointPatch{URL: Set("https://example.com" + port + step.path)})
		require.NoError(t, err)
		before := got.Load()
		_, err = d.Emit(t.Context(), scored())
		require.NoError(t, err)
		drained(t, d)
		log, err := d.ListDeliveries(t.Context(), DeliveryQuery{Account: e.Account, Limit: 1})
		require.NoError(t, err)
		a := log[0].Attempts[0]
		require.Equal(t, step.class, a.Class, "%v: %s", step.answers, a.Error)
		if step.class == ClassAddress {
			require.Equal(t, before, got.Load())
		} else {
			require.Equal(t, before+1, got.Load())
		}
	}
	require.Zero(t, accepted.Load(), "no connection was made")
}

// TestOwnTransportJudgesTheText: with Options.Transport the address is the
// host's to guard, and the rules of the text still hold.
func TestOwnTransportJudgesTheText(t *testing.T) {
	d := newDispatcher(t, &Options{Transport: &http.Transport{TLSClientConfig: &tls.Config{}}})
	for _, a := range special(t) {
		e := good()
		e.URL = "https://" + strings.TrimSuffix(netip.AddrPortFrom(a, 0).String(), ":0")
		_, err := d.TestNew(t.Context(), e, events.LeadScored)
		require.Equal(t, "url_address", fields(t, err)["url"].Code, e.URL)
	}
}

// TestOpenedPrefixesAreLogged when Run begins, each of them.
func TestOpenedPrefixesAreLogged(t *testing.T) {
	var log bytes.Buffer
	d := newDispatcher(t, &Options{AllowPrefixes: loopback, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	drained(t, d)
	for _, p := range loopback {
		require.Contains(t, log.String(), p.String())
	}
	require.Contains(t, log.String(), "level=WARN")
}
