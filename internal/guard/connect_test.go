package guard

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// specialAddresses are both edges and one inside of every range of the
// registries, and neighbours are the addresses next to an edge that no range
// holds.
func specialAddresses(t testing.TB) (special, neighbours []netip.Addr) {
	t.Helper()
	var prefixes []netip.Prefix
	for _, row := range registry(t) {
		if row.Verdict == "unmap-then-v4" {
			continue // spellings has it
		}
		if row.Prefix == "!2000::/3" {
			for _, text := range []string{"::/3", "4000::/2", "8000::/1"} {
				prefixes = append(prefixes, netip.MustParsePrefix(text))
			}
			continue
		}
		prefixes = append(prefixes, netip.MustParsePrefix(row.Prefix))
	}
	held := func(a netip.Addr) bool {
		return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	for _, p := range prefixes {
		first, last := p.Masked().Addr(), lastOf(p)
		special = append(special, first, between(first, last), last)
		for _, a := range []netip.Addr{first.Prev(), last.Next()} {
			if a.IsValid() && !held(a) {
				neighbours = append(neighbours, a)
			}
		}
	}
	if len(special) < 150 || len(neighbours) < 30 {
		t.Fatalf("%d special addresses and %d neighbours", len(special), len(neighbours))
	}
	return special, neighbours
}

// spellings are the hosts of a URL that some parser takes for the address.
func spellings(a netip.Addr) []string {
	if a.Is6() {
		return []string{
			"[" + a.String() + "]", "[" + strings.ToUpper(a.String()) + "]", "[" + a.StringExpanded() + "]",
			"[" + a.String() + "%eth0]", "[" + a.String() + "%25lo]",
		}
	}
	b := a.As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	wide := strings.Map(func(r rune) rune {
		if r == '.' {
			return '\u3002' // ideographic full stop
		}
		return r - '0' + '\uff10' // full-width digits
	}, a.String())
	return []string{
		a.String(), a.String() + ".", wide,
		fmt.Sprint(n), fmt.Sprintf("%#x", n), fmt.Sprintf("%#o", n),
		fmt.Sprintf("%d.%d", b[0], n&0xffffff), fmt.Sprintf("%d.%d.%d", b[0], b[1], n&0xffff),
		fmt.Sprintf("%#x.%#x.%#x.%#x", b[0], b[1], b[2], b[3]), fmt.Sprintf("0%o.0%o.0%o.0%o", b[0], b[1], b[2], b[3]),
		"[::ffff:" + a.String() + "]", fmt.Sprintf("[::ffff:%x:%x]", n>>16, n&0xffff), fmt.Sprintf("[0:0:0:0:0:FFFF:%X:%X]", n>>16, n&0xffff),
		"[::" + a.String() + "]", "[::ffff:0:" + a.String() + "]", "[64:ff9b::" + a.String() + "]", "[64:ff9b:1::" + a.String() + "]",
		fmt.Sprintf("[2002:%x:%x::1]", n>>16, n&0xffff), fmt.Sprintf("[2001:0:1234::%x:%x]", ^n>>16, ^n&0xffff), // 6to4, Teredo
	}
}

// No spelling of a special address in a URL, and no answer of the DNS that
// holds one, leads to a connection; a public address beside it in the same
// answer is tried.
func TestSpecialAddressesAreNeverConnected(t *testing.T) {
	const public4, public6 = "93.184.216.34", "2606:2800:220:1::1"
	port, accepted := listen(t, "0.0.0.0:0")
	dns, passed := newFakeDNS(map[string][]string{}), &recorder{}
	d := NewDialer(nil, passed.base(dns))
	try := func(host string, want ...string) {
		t.Helper()
		passed.reset()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		conn, err := d.DialContext(ctx, "tcp", host+":"+port)
		if err == nil {
			conn.Close()
			t.Errorf("%s: connected", host)
		}
		if got := passed.list(); !slices.Equal(got, want) {
			t.Errorf("%s: would have connected to %v, want %v; %v", host, got, want, err)
		}
	}
	dns.set("alias.example.net", "target.example.net")
	special, neighbours := specialAddresses(t)
	for _, a := range special {
		for _, host := range spellings(a) {
			_, err := (*Policy)(nil).URL("https://" + host + "/")
			if wantRefusal(t, err); t.Failed() {
				t.Fatalf("%s: accepted as %s", a, host)
			}
			try(host)
		}
		answers := []string{a.String()}
		if a.Is4() {
			answers = append(answers, "::ffff:"+a.String(), "64:ff9b::"+a.String(), "::"+a.String())
		}
		for _, answer := range answers {
			dns.set("target.example.net", answer)
			try("target.example.net")
			try("alias.example.net")
			dns.set("target.example.net", answer, public4)
			try("target.example.net", public4)
			dns.set("target.example.net", public6, answer)
			try("alias.example.net", public6)
		}
	}
	if n := accepted.Load(); n != 0 {
		t.Errorf("%d connections accepted", n)
	}

	// The neighbours are dialled: what is refused above is refused for the
	// address, and no range is wider than it has to be.
	for _, a := range neighbours {
		host := a.String()
		if a.Is6() {
			host = "[" + host + "]"
		}
		if _, err := (*Policy)(nil).URL("https://" + host + "/"); err != nil {
			t.Errorf("%s: %v", a, err)
		}
		try(host, a.String())
		dns.set("target.example.net", a.String())
		try("alias.example.net", a.String())
	}
}

// Whatever a customer enters and whatever the DNS answers: a refusal with a
// code and a sentence, or no connection to an address that is special. It asks
// what net.Dialer asks before it connects, without the goroutines of a dial,
// which keep the fuzzer from finding its way.
func FuzzDial(f *testing.F) {
	for _, name := range []string{"bad_urls.jsonl", "good_urls.jsonl", "ambiguous_urls.jsonl"} {
		for i, row := range readLines[urlRow](f, name) {
			f.Add(row.URL, []byte{127, 0, 0, byte(i)})
		}
	}
	special, neighbours := specialAddresses(f)
	for _, a := range slices.Concat(special, neighbours) {
		f.Add("https://hooks.example.com/", a.AsSlice())
	}
	passed := &recorder{}
	d := NewDialer(nil, passed.base(newFakeDNS(nil)))
	f.Fuzz(func(t *testing.T, raw string, answer []byte) {
		u, err := (*Policy)(nil).URL(raw)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		a, err := netip.ParseAddr(u.Hostname())
		if err != nil {
			if a, _ = netip.AddrFromSlice(answer); !a.IsValid() {
				return
			}
		}
		passed.reset()
		for _, network := range []string{"tcp4", "tcp6"} {
			err := d.tls.ControlContext(t.Context(), network, netip.AddrPortFrom(a, 443).String(), nil)
			if len(passed.list()) == 0 {
				wantRefusal(t, err)
			}
		}
		for _, p := range fuzzRefused {
			if len(passed.list()) > 0 && p.Contains(a.Unmap()) {
				t.Errorf("%q, answered by %x: would have connected to %s in %s", raw, answer, a, p)
			}
		}
	})
}

// fuzzRefused are ranges of the registries in this test's own words, so that
// the table is not held against itself.
var fuzzRefused = policy(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16",
	"198.18.0.0/15", "224.0.0.0/3", "::/3", "2001::/23", "2001:db8::/32", "2002::/16", "4000::/2", "8000::/1",
).Allow
