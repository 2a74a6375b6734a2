package guard

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// listen opens a real listener and counts what it accepts.
func listen(t *testing.T, address string) (port string, accepted *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		if strings.HasPrefix(address, "[") && os.Getenv("CI") != "true" {
			t.Skipf("no IPv6 here: %v", err)
		}
		t.Fatal(err)
	}
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

func TestLoopbackIsNeverConnected(t *testing.T) {
	records := map[string][]string{
		"a.rebind.example.net":    {"127.0.0.1"},
		"aaaa.rebind.example.net": {"::1"},
		"any.rebind.example.net":  {"0.0.0.0", "::"},
		"map.rebind.example.net":  {"::ffff:127.0.0.1"},
		"old.rebind.example.net":  {"::127.0.0.1"},
		"many.rebind.example.net": {"::1", "127.0.0.1", "127.0.0.2", "0.0.0.0"},
		"localhost":               {"127.0.0.1"},
	}
	hosts := []string{
		"127.0.0.1", "127.0.0.2", "127.1.2.3", "0.0.0.0", "localhost", "localhost.", "LOCALHOST",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[::1%lo]", "[64:ff9b::127.0.0.1]",
		"127.1", "0x7f.1", "2130706433", "0177.0.0.1",
	}
	for name := range records {
		hosts = append(hosts, name)
	}
	for _, at := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0"} {
		t.Run(at, func(t *testing.T) {
			port, accepted := listen(t, at)
			passed := &recorder{}
			d := NewDialer(&Policy{}, passed.base(newFakeDNS(records)))
			for _, host := range hosts {
				for _, dial := range []controlDial{d.DialContext, d.DialPlainContext} {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					conn, err := dial(ctx, "tcp", host+":"+port)
					cancel()
					if err == nil {
						conn.Close()
						t.Errorf("%s: connected", host)
					}
				}
			}
			if n := accepted.Load(); n != 0 || len(passed.list()) != 0 {
				t.Errorf("%d connections accepted, %v passed the guard", n, passed.list())
			}

			// The same dialer connects once the operator opens the prefixes:
			// the zero above is the guard's doing.
			open := NewDialer(policy("127.0.0.0/8", "::1/128"), passed.base(newFakeDNS(records)))
			host, _, _ := net.SplitHostPort(at)
			if host == "0.0.0.0" {
				host = "127.0.0.1"
			}
			conn, err := open.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
			if err != nil {
				t.Fatalf("opened: %v", err)
			}
			conn.Close()
		})
	}
}

type controlDial = func(ctx context.Context, network, address string) (net.Conn, error)

func TestRefusalNamesNoAddress(t *testing.T) {
	dns := newFakeDNS(map[string][]string{"in.rebind.example.net": {"10.11.12.13"}})
	_, err := NewDialer(nil, (&recorder{}).base(dns)).DialContext(t.Context(), "tcp", "in.rebind.example.net:443")
	if code := wantRefusal(t, err); code != CodeURLAddress || strings.Contains(err.Error(), "10.") {
		t.Errorf("%s: %v", code, err)
	}
	if !strings.HasPrefix(err.Error(), "Address not allowed") {
		t.Errorf("%v", err)
	}
}

func TestDNSErrorNamesNoServer(t *testing.T) {
	base := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("dial udp 10.0.0.53:53: no route to host")
	}}}
	_, err := NewDialer(nil, base).DialContext(t.Context(), "tcp", "hooks.example.com:443")
	var lookup *net.DNSError
	if !errors.As(err, &lookup) || strings.Contains(err.Error(), ":53") || lookup.Name != "hooks.example.com" {
		t.Errorf("%v", err)
	}
}

// Names that answer one thing, then another; each step is one dial.
func TestRebinding(t *testing.T) {
	type step struct {
		DNS      []string            `json:"dns"`
		Down     []string            `json:"down"`
		Name     string              `json:"name"`
		NXDomain bool                `json:"dns_nxdomain"`
		DNSError string              `json:"dns_error"`
		Search   map[string][]string `json:"search"`
		Row      string              `json:"row"`
	}
	type scenario struct {
		Name  string            `json:"name"`
		Steps []json.RawMessage `json:"steps"`
	}
	ran := 0
	for _, s := range readLines[scenario](t, "rebinding.jsonl") {
		for _, raw := range s.Steps {
			var st step
			if err := json.Unmarshal(raw, &st); err != nil {
				t.Fatal(err)
			}
			dns, passed := newFakeDNS(map[string][]string{}), &recorder{}
			d := NewDialer(nil, passed.base(dns))
			switch {
			case st.DNS != nil:
				dns.set("x.rebind.example.net", st.DNS...)
				_, err := d.DialContext(t.Context(), "tcp", "x.rebind.example.net:443")
				if err == nil {
					t.Errorf("%s: connected", s.Name)
				}
			case st.Search != nil:
				for name, addresses := range st.Search {
					dns.set(name, addresses...)
				}
				_, err := (&Policy{}).URL("https://" + st.Name + "/")
				wantRefusal(t, err)
				_, err = NewDialer(policy("10.0.0.0/8"), passed.base(dns)).DialContext(t.Context(), "tcp", st.Name+":443")
				var lookup *net.DNSError
				if !errors.As(err, &lookup) || !lookup.IsNotFound {
					t.Errorf("%s: %v", s.Name, err)
				}
				if slices.ContainsFunc(dns.names(), func(asked string) bool { return asked != st.Name }) {
					t.Errorf("%s: asked for %v", s.Name, dns.names())
				}
			case st.Row != "":
				_, err := (&Policy{}).URL(st.Row)
				wantRefusal(t, err)
				_, err = d.DialPlainContext(t.Context(), "tcp", "10.0.0.1:80")
				wantRefusal(t, err)
				_, err = d.DialContext(t.Context(), "tcp", "10.0.0.1:80")
				wantRefusal(t, err)
			case st.DNSError != "":
				_, err := d.DialContext(t.Context(), "tcp", "gone.example.com:443")
				var refusal *Refusal
				var lookup *net.DNSError
				if errors.As(err, &refusal) || !errors.As(err, &lookup) || !lookup.IsNotFound {
					t.Errorf("%s: %v, want a lookup error, which is retried", s.Name, err)
				}
			default:
				continue // about responses and proxies, not about the dial
			}
			ran++
			for _, text := range passed.list() {
				if (&Policy{}).Addr(netip.MustParseAddr(text)) != nil {
					t.Errorf("%s: dialled %s", s.Name, text)
				}
			}
		}
	}
	if ran < 4 {
		t.Errorf("%d steps ran", ran)
	}
}

func TestEveryDialIsJudgedAnew(t *testing.T) {
	port, accepted := listen(t, "127.0.0.1:0")
	dns, passed := newFakeDNS(map[string][]string{}), &recorder{}
	d := NewDialer(nil, passed.base(dns))
	for _, answer := range []string{"93.184.216.34", "127.0.0.1", "93.184.216.34", "::ffff:127.0.0.1"} {
		dns.set("flip.rebind.example.net", answer)
		_, err := d.DialContext(t.Context(), "tcp", "flip.rebind.example.net:"+port)
		if public := answer[0] == '9'; public != errors.Is(err, errIntercepted) {
			t.Errorf("%s: %v", answer, err)
		}
	}
	if n := accepted.Load(); n != 0 || len(passed.list()) != 2 {
		t.Errorf("%d accepted, passed %v", n, passed.list())
	}
}

func TestPlainHTTPReachesOpenedPrefixesOnly(t *testing.T) {
	port, accepted := listen(t, "127.0.0.1:0")
	dns := newFakeDNS(map[string][]string{"in.example.net": {"127.0.0.1"}, "out.example.net": {"93.184.216.34"}})
	opened := policy("127.0.0.0/8")
	passed := &recorder{}
	_, err := NewDialer(opened, passed.base(dns)).DialPlainContext(t.Context(), "tcp", "in.example.net:"+port)
	wantRefusal(t, err) // PlainHTTP is off
	opened.PlainHTTP = true
	d := NewDialer(opened, passed.base(dns))
	opened.PlainHTTP, opened.Allow[0] = false, netip.Prefix{} // d has a copy
	_, err = d.DialPlainContext(t.Context(), "tcp", "out.example.net:"+port)
	wantRefusal(t, err)
	if !strings.Contains(err.Error(), "use https") { // the address may be public
		t.Errorf("%v", err)
	}
	conn, err := d.DialPlainContext(t.Context(), "tcp", "in.example.net:"+port)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if _, err = d.DialContext(t.Context(), "tcp", "out.example.net:"+port); !errors.Is(err, errIntercepted) {
		t.Errorf("https to a public address: %v", err)
	}
	for deadline := time.Now().Add(5 * time.Second); accepted.Load() == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if n := accepted.Load(); n != 1 {
		t.Errorf("%d accepted", n)
	}
}

func TestControlRefusesWhatItCannotRead(t *testing.T) {
	p := policy("127.0.0.0/8", "fe80::/10")
	p.PlainHTTP = true
	for _, test := range []struct {
		network, address string
		ok               bool
	}{
		{"tcp4", "127.0.0.1:80", true},
		{"tcp6", "[fe80::1%eth0]:80", true},
		{"tcp6", "[::ffff:127.0.0.1]:80", true},
		{"tcp", "127.0.0.1:80", false},
		{"udp4", "127.0.0.1:80", false},
		{"unix", "/var/run/docker.sock", false},
		{"ip4", "127.0.0.1", false},
		{"tcp4", "", false},
		{"tcp4", ":80", false},
		{"tcp4", "127.0.0.1", false},
		{"tcp4", "localhost:80", false},
		{"tcp4", "127.0.0.01:80", false},
		{"tcp4", "127.0.0.1:99999", false},
	} {
		for name, control := range map[string]controlFunc{"Control": p.Control, "ControlPlain": p.ControlPlain} {
			if err := control(context.Background(), test.network, test.address, nil); (err == nil) != test.ok {
				t.Errorf("%s(%q, %q): %v", name, test.network, test.address, err)
			}
		}
	}
	var none *Policy
	wantRefusal(t, none.Control(context.Background(), "tcp4", "127.0.0.1:443", nil))
	wantRefusal(t, none.ControlPlain(context.Background(), "tcp4", "8.8.8.8:80", nil))
	d := NewDialer(p, nil)
	for network, address := range map[string]string{"unix": "/var/run/docker.sock", "udp": "127.0.0.1:53", "tcp": ":80", "tcp4": "127.0.0.1"} {
		_, err := d.DialContext(t.Context(), network, address)
		wantRefusal(t, err)
	}
}

func TestControlsOfTheBaseRunAfterTheGuard(t *testing.T) {
	ran := 0
	base := &net.Dialer{Control: func(_, _ string, _ syscall.RawConn) error { ran++; return errIntercepted }}
	_, err := NewDialer(nil, base).DialContext(t.Context(), "tcp", "127.0.0.1:443")
	wantRefusal(t, err)
	if _, err = NewDialer(nil, base).DialContext(t.Context(), "tcp", "8.8.8.8:443"); !errors.Is(err, errIntercepted) || ran != 1 {
		t.Errorf("%v, ran %d times", err, ran)
	}
}

// A name with thousands of addresses does not make a sender knock at each.
func TestTriesAreBounded(t *testing.T) {
	var answer []string
	for i := range 200 {
		answer = append(answer, netip.AddrFrom4([4]byte{93, 184, 216, byte(i)}).String())
	}
	answer[1], answer[2] = "10.0.0.1", "127.0.0.1" // not tried, so not counted
	dns, passed := newFakeDNS(map[string][]string{"many.example.net": answer}), &recorder{}
	d := NewDialer(nil, passed.base(dns))
	for range 2 { // each dial has as many
		passed.reset()
		if _, err := d.DialContext(t.Context(), "tcp", "many.example.net:443"); err == nil {
			t.Error("connected")
		}
		if got := passed.list(); len(got) != maxTries || slices.Contains(got, "10.0.0.1") {
			t.Errorf("tried %d: %v", len(got), got)
		}
	}
}

func TestDialHost(t *testing.T) {
	for host, want := range map[string]string{
		"hooks.example.com": "hooks.example.com.", "hooks.example.com.": "hooks.example.com.", "redis": "redis", "api.localhost": "api.localhost",
		"8.8.8.8": "8.8.8.8", "2606:4700:4700::1111": "2606:4700:4700::1111", "fe80::1%eth0": "fe80::1%eth0",
	} {
		if got := DialHost(host); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}
