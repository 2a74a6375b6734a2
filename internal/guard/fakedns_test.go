package guard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
)

// fakeDNS is a DNS server on in-memory connections for the Go resolver. A name
// that it does not have gives NXDOMAIN, unless it has the name "*".
type fakeDNS struct {
	mu      sync.Mutex
	records map[string][]string // addresses, or one other name, by name, lower case, without the trailing dot
	asked   []string            // every name as asked, in order, without the trailing dot
}

func newFakeDNS(records map[string][]string) *fakeDNS {
	return &fakeDNS{records: records}
}

func (d *fakeDNS) set(name string, addresses ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.records[name] = addresses
}

func (d *fakeDNS) names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.asked...)
}

func (d *fakeDNS) resolver() *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go d.serve(server)
			return client, nil
		},
	}
}

// serve answers DNS over a stream (RFC 1035 4.2.2), which is what the resolver
// speaks on a connection that is no packet connection.
func (d *fakeDNS) serve(c net.Conn) {
	defer c.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		answer := d.answer(query)
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

func (d *fakeDNS) answer(query []byte) []byte {
	const header = 12
	var labels []string
	end := header
	for query[end] != 0 {
		n := int(query[end])
		labels = append(labels, string(query[end+1:end+1+n]))
		end += 1 + n
	}
	end += 1 + 4 // root label, type, class
	kind := binary.BigEndian.Uint16(query[end-4:])
	name := strings.Join(labels, ".")

	d.mu.Lock()
	d.asked = append(d.asked, name)
	records, ok := d.lookup(strings.ToLower(name))
	var answers [][]byte
	owner := []byte{0xc0, header} // the name of the question
	if _, err := netip.ParseAddr(strings.Join(records, " ")); len(records) == 1 && err != nil {
		alias := wireName(records[0])
		answers = append(answers, resource(owner, 5, alias))
		owner = alias
		records, ok = d.lookup(records[0])
	}
	d.mu.Unlock()

	for _, text := range records {
		a := netip.MustParseAddr(text)
		if a.Is4() && kind == 1 || a.Is6() && kind == 28 {
			answers = append(answers, resource(owner, kind, a.AsSlice()))
		}
	}
	flags := uint16(0x8180) // response, recursion desired and available
	if !ok {
		flags |= 3 // NXDOMAIN
	}
	answer := append([]byte(nil), query[:2]...)
	for _, n := range []uint16{flags, 1, uint16(len(answers)), 0, 0} {
		answer = binary.BigEndian.AppendUint16(answer, n)
	}
	answer = append(answer, query[header:end]...)
	return append(answer, bytes.Join(answers, nil)...)
}

func (d *fakeDNS) lookup(name string) ([]string, bool) {
	records, ok := d.records[name]
	if !ok {
		records, ok = d.records["*"]
	}
	return records, ok
}

// resource is one record of an answer: in IN, with a TTL of 0.
func resource(owner []byte, kind uint16, data []byte) []byte {
	r := binary.BigEndian.AppendUint16(bytes.Clone(owner), kind)
	r = append(r, 0, 1, 0, 0, 0, 0)
	return append(binary.BigEndian.AppendUint16(r, uint16(len(data))), data...)
}

func wireName(name string) []byte {
	var b []byte
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0)
}

var errIntercepted = errors.New("intercepted: no connection leaves the test")

// recorder stands behind the guard: it records every address that passed and,
// but for loopback, connects to none.
type recorder struct {
	mu     sync.Mutex
	passed []string
}

func (r *recorder) base(dns *fakeDNS) *net.Dialer {
	return &net.Dialer{
		Resolver: dns.resolver(),
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			a := netip.MustParseAddrPort(address).Addr()
			r.mu.Lock()
			defer r.mu.Unlock()
			r.passed = append(r.passed, a.String())
			if a.IsLoopback() || a.IsUnspecified() {
				return nil // to the listener of the test
			}
			return errIntercepted
		},
	}
}

func (r *recorder) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.passed...)
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passed = nil
}
