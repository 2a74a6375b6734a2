package webhooktest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"time"
)

// authority signs certificates of servers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// authorities are made once in a process, so that one configuration does for
// all servers.
var authorities = sync.OnceValue(func() (a struct{ trusted, unknown *authority }) {
	a.trusted, a.unknown = newAuthority(), newAuthority()
	return a
})

func newAuthority() *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness
	}
	self := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "webhooktest"},
		NotBefore: date(2000, 1, 1), NotAfter: date(2199, 1, 1),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, self, self, key.Public(), key)
	if err != nil {
		panic(err) // the template is wrong
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return &authority{cert, key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// issue returns the configuration of a server on loopback whose certificate is
// valid, but for what change says.
func (a *authority) issue(change func(*x509.Certificate)) *tls.Config {
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "hostile"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   date(2000, 1, 1), NotAfter: date(2199, 1, 1),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(leaf)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, a.key.Public(), a.key)
	if err != nil {
		panic(err) // the template is wrong
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: a.key}}}
}

func date(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

// The configurations of the behaviours.

func expired() *tls.Config {
	return authorities().trusted.issue(func(c *x509.Certificate) { c.NotAfter = date(2020, 1, 31) })
}

func notYetValid() *tls.Config {
	return authorities().trusted.issue(func(c *x509.Certificate) { c.NotBefore = date(2099, 1, 1) })
}

func wrongHost() *tls.Config {
	return authorities().trusted.issue(func(c *x509.Certificate) {
		c.IPAddresses, c.DNSNames = nil, []string{"www.example.com"}
	})
}

func unknownAuthority() *tls.Config { return authorities().unknown.issue(nil) }

// oversizeChain is of small certificates that all differ: what a client makes
// of each is many times as large, and made once only of equal ones.
var oversizeChain = sync.OnceValue(func() *tls.Config {
	c := authorities().trusted.issue(nil)
	chain := &c.Certificates[0].Certificate
	for size := 0; size < 64<<10; size += len((*chain)[len(*chain)-1]) {
		*chain = append(*chain, newAuthority().cert.Raw)
	}
	return c
})

func asksForCertificate() *tls.Config {
	c := authorities().trusted.issue(nil)
	c.ClientAuth = tls.RequireAnyClientCert
	return c
}

func asksForCertificateTLS12() *tls.Config {
	c := asksForCertificate()
	c.MaxVersion = tls.VersionTLS12
	return c
}

func oldVersion() *tls.Config {
	c := authorities().trusted.issue(nil)
	c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	return c
}

// onlyOffers makes a server that knows one protocol. Package tls lets a client
// of HTTP/1.1 pass where that is h2 by its right name, and refuses it, as other
// servers do, where it is anything else.
func onlyOffers(protocol string) func() *tls.Config {
	return func() *tls.Config {
		c := authorities().trusted.issue(nil)
		c.NextProtos = []string{protocol}
		return c
	}
}
