package guard

import (
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
)

type specialRange struct {
	Prefix  string `json:"prefix"`
	Name    string `json:"name"`
	Verdict string `json:"verdict"`
}

func registry(t testing.TB) []specialRange {
	t.Helper()
	data, err := os.ReadFile("testdata/special_ranges.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Ranges []specialRange `json:"ranges"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Ranges) < 50 {
		t.Fatalf("%d ranges read", len(file.Ranges))
	}
	return file.Ranges
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Both edges and an address inside each range of the registries are refused;
// the neighbours outside are refused exactly when another range holds them.
func TestSpecialRanges(t *testing.T) {
	var v4, v6 []netip.Prefix
	for _, row := range registry(t) {
		if p, err := netip.ParsePrefix(row.Prefix); err != nil {
			continue
		} else if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	covered := func(a netip.Addr) bool {
		if a.Is4() {
			return slices.ContainsFunc(v4, func(p netip.Prefix) bool { return p.Contains(a) })
		}
		return a.As16()[0]>>5 != 1 || slices.ContainsFunc(v6, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	for _, row := range registry(t) {
		if row.Prefix == "!2000::/3" {
			for _, text := range []string{"1fff:ffff::1", "4000::", "8000::1", "::1:0:0:1"} {
				wantRefusal(t, (&Policy{}).Addr(netip.MustParseAddr(text)))
			}
			for _, text := range []string{"2000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"} {
				if err := (&Policy{}).Addr(netip.MustParseAddr(text)); err != nil {
					t.Errorf("%s refused", text)
				}
			}
			continue
		}
		p := netip.MustParsePrefix(row.Prefix)
		if row.Verdict == "unmap-then-v4" {
			for text, public := range map[string]bool{"::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true, "::ffff:127.0.0.1": false} {
				if err := (&Policy{}).Addr(netip.MustParseAddr(text)); (err == nil) != public {
					t.Errorf("%s: %v", text, err)
				}
			}
			continue
		}
		first, last := p.Addr(), lastOf(p)
		for _, a := range []netip.Addr{first, last, between(first, last)} {
			if (&Policy{}).Addr(a) == nil {
				t.Errorf("%s (%s, %s) accepted", a, row.Prefix, row.Name)
			}
			if a.Is4() && (&Policy{}).Addr(netip.AddrFrom16(a.As16())) == nil {
				t.Errorf("%s (%s) accepted in its IPv4-mapped form", a, row.Prefix)
			}
		}
		for _, a := range []netip.Addr{first.Prev(), last.Next()} {
			if !a.IsValid() || a.Is4In6() {
				continue
			}
			if err := (&Policy{}).Addr(a); (err != nil) != covered(a) {
				t.Errorf("%s, neighbour of %s: %v, but in another range: %v", a, row.Prefix, err, covered(a))
			}
		}
	}
}

// between returns an address of the range that is neither edge where it has one.
func between(first, last netip.Addr) netip.Addr {
	b := last.AsSlice()
	b[len(b)-1] &^= 0x54
	if a, _ := netip.AddrFromSlice(b); a.Compare(first) > 0 {
		return a
	}
	return first
}

func TestRangeTableIsSorted(t *testing.T) {
	for _, list := range [][]special{specialIPv4, specialIPv6} {
		for i, s := range list {
			if s.prefix != s.prefix.Masked() || s.name == "" || s.source == "" {
				t.Errorf("%+v: incomplete", s)
			}
			if i > 0 && (list[i-1].prefix.Addr().Compare(s.prefix.Addr()) >= 0 || list[i-1].prefix.Overlaps(s.prefix)) {
				t.Errorf("%s: out of order or within %s", s.prefix, list[i-1].prefix)
			}
		}
	}
}

func TestAddr(t *testing.T) {
	lan := policy("10.20.0.0/16", "fd00:1::/32")
	for _, test := range []struct {
		policy *Policy
		addr   string
		ok     bool
	}{
		{nil, "8.8.8.8", true},
		{nil, "10.20.0.1", false},
		{lan, "8.8.8.8", true},
		{lan, "10.20.0.1", true},
		{lan, "::ffff:10.20.0.1", true},
		{lan, "10.21.0.1", false},
		{lan, "fd00:1::5", true},
		{lan, "fd00:1::5%eth0", true},
		{lan, "fd00:2::5", false},
		{lan, "127.0.0.1", false},
		{nil, "2606:4700:4700::1111%eth0", true},
		{policy("fe80::/10"), "fe80::1%eth0", true},
		// DNS64: NAT64 opened, and the address behind it still judged.
		{policy("64:ff9b::/96"), "64:ff9b::8.8.8.8", true},
		{policy("64:ff9b::/96"), "64:ff9b::169.254.169.254", false},
		{policy("64:ff9b::/96", "10.0.0.0/8"), "64:ff9b::10.1.2.3", true},
	} {
		if err := test.policy.Addr(netip.MustParseAddr(test.addr)); (err == nil) != test.ok {
			t.Errorf("%v %s: %v", test.policy, test.addr, err)
		}
	}
	wantRefusal(t, lan.Addr(netip.Addr{}))
}

func TestValidate(t *testing.T) {
	for _, good := range []*Policy{nil, {}, policy("10.0.0.0/8", "::1/128"), {Allow: policy("127.0.0.0/8").Allow, PlainHTTP: true}} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for want, bad := range map[string]*Policy{
		"PlainHTTP":  {PlainHTTP: true},
		"Allow[1]":   {Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), {}}},
		"every":      policy("0.0.0.0/0"),
		"every ":     policy("::/0"),
		"10.0.0.0/8": {Allow: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/8")}},
		"IPv4":       policy("::ffff:10.0.0.0/104"),
	} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want it to say %q", bad, err, want)
		}
	}
}

func policy(prefixes ...string) *Policy {
	p := &Policy{}
	for _, text := range prefixes {
		p.Allow = append(p.Allow, netip.MustParsePrefix(text))
	}
	return p
}
