package webhooktest

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// script is how a behaviour is done.
type script struct {
	behaviour Behaviour
	serve     func(*visit)       // nil: nobody listens
	secure    bool               // the URL is https
	tls       func() *tls.Config // nil: TLS is left to serve, if there is any
}

// scripts has one for each behaviour, in the order of their documentation.
var scripts = []script{
	plain(Refused, nil),
	plain(ResetOnAccept, func(v *visit) { v.reset() }),
	plain(CloseOnAccept, func(*visit) {}),
	plain(ResetOnRequest, asked(func(v *visit) { v.reset() })),
	plain(CloseOnRequest, asked(func(*visit) {})),
	plain(ResetInStatusLine, asked(func(v *visit) { v.write("HTTP/1.1 20"); v.reset() })),
	plain(ResetInHeaders, asked(func(v *visit) { v.write("HTTP/1.1 200 OK\r\nContent-"); v.reset() })),
	plain(ResetInBody, asked(func(v *visit) { v.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"); v.reset() })),

	plain(NeverAnswers, asked((*visit).linger)),
	plain(StallInHeaders, asked(says("HTTP/1.1 200 OK\r\nContent-"))),
	plain(StallInBody, asked(says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"))),
	plain(DripStatusLine, asked(func(v *visit) { v.write("HTTP/1.1 200 "); v.drip("and so on ") })),
	plain(DripHeaders, asked(func(v *visit) { v.write("HTTP/1.1 200 OK\r\n"); v.drip("X-Drip: 1\r\n") })),
	plain(DripBody, asked(func(v *visit) { v.write("HTTP/1.1 200 OK\r\n\r\n"); v.drip("and so on ") })),

	plain(EndlessStatusLine, asked(func(v *visit) { v.write("HTTP/1.1 200 "); v.flood("and so on ") })),
	plain(EndlessHeader, asked(func(v *visit) { v.write("HTTP/1.1 200 OK\r\nX-Long: "); v.flood("and so on ") })),
	plain(EndlessHeaders, asked(func(v *visit) { v.write("HTTP/1.1 200 OK\r\n"); v.flood("X-Many: 1\r\n") })),
	plain(EndlessInterim, asked(func(v *visit) { v.flood("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") })),
	plain(EndlessBody, asked(func(v *visit) { v.write("HTTP/1.1 200 OK\r\n\r\n"); v.flood("and so on ") })),
	plain(EndlessChunks, asked(func(v *visit) {
		v.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		v.flood("4\r\nmore\r\n")
	})),
	plain(LengthMaxInt64, asked(says("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nabc"))),
	plain(GzipBomb, func(v *visit) { always(gzipBomb())(v) }),

	plain(SwitchingProtocols, asked(says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"))),
	plain(NotHTTP, says("220 mail.example.com ESMTP\r\n")),
	plain(Binary, asked(says("\x00\x01\x02\xff"))),
	plain(Status000, always(answer("000 Odd", ""))),
	plain(Status099, always(answer("099 Odd", ""))),
	plain(Status999, always(answer("999 Odd", ""))),
	plain(Status2000, always(answer("2000 Odd", ""))),
	plain(ConflictingLengths, always("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc")),
	plain(NegativeLength, always("HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc")),
	plain(BrokenChunks, always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc")),
	plain(SecondAnswer, always(answer("200 OK", "")+answer("500 Nobody asked", ""))),
	plain(EarlyAnswer, early(func(v *visit) { v.pause(time.Second); _, _ = io.Copy(io.Discard, v.in) })),
	plain(EarlyAnswerReset, early(func(*visit) {})),
	plain(HostileText, always(answer("500 \x1b[31mred", hostileText))),

	plain(Redirect301, always(answer("301 Moved", "", "Location: /elsewhere"))),
	plain(Redirect302, always(answer("302 Found", "", "Location: /elsewhere"))),
	plain(Redirect303, always(answer("303 See Other", "", "Location: /elsewhere"))),
	plain(Redirect307, always(answer("307 Elsewhere", "", "Location: /elsewhere"))),
	plain(Redirect308, always(answer("308 Elsewhere", "", "Location: /elsewhere"))),
	plain(RedirectElsewhere, always(answer("308 Elsewhere", "", "Location: https://hooks.example.com/new?token=12345678"))),
	plain(RedirectInternal, always(answer("307 Elsewhere", "", "Location: http://169.254.169.254/latest/meta-data/"))),
	plain(RedirectNowhere, always(answer("302 Found", ""))),
	plain(RedirectBroken, always(answer("302 Found", "", "Location: http://[::1/"))),
	plain(MultipleChoices, always(answer("300 Choose", "", "Location: /elsewhere"))),
	plain(NotModified, always("HTTP/1.1 304 Not Modified\r\n\r\n")),

	inTLS(CertificateExpired, expired, always(ok)),
	inTLS(CertificateNotYetValid, notYetValid, always(ok)),
	inTLS(CertificateWrongHost, wrongHost, always(ok)),
	inTLS(CertificateUnknownAuthority, unknownAuthority, always(ok)),
	inTLS(CertificateChainOversize, oversizeChain, always(ok)),
	inTLS(ClientCertificate, asksForCertificate, always(ok)),
	inTLS(ClientCertificateTLS12, asksForCertificateTLS12, always(ok)),
	inTLS(TLSOldVersion, oldVersion, always(ok)),
	atTLS(TLSPlainText, greeted(says("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))),
	atTLS(TLSStall, (*visit).linger),
	atTLS(TLSDrip, greeted(func(v *visit) { v.write("\x16\x03\x03\x3f\xff"); v.drip("\x02") })),
	atTLS(TLSReset, greeted(func(v *visit) { v.reset() })),
	inTLS(HTTP2Only, onlyOffers("h2-or-nothing"), always(ok)),
	inTLS(HTTP2Anyway, onlyOffers("h2"), says("\x00\x00\x00\x04\x00\x00\x00\x00\x00")), // an empty SETTINGS frame
}

func scriptOf(b Behaviour) (script, bool) {
	for _, s := range scripts {
		if s.behaviour == b {
			return s, true
		}
	}
	return script{}, false
}

func plain(b Behaviour, serve func(*visit)) script { return script{behaviour: b, serve: serve} }

// inTLS serves in a session of TLS.
func inTLS(b Behaviour, config func() *tls.Config, serve func(*visit)) script {
	return script{behaviour: b, serve: serve, secure: true, tls: config}
}

// atTLS serves on the bare connection where TLS is expected.
func atTLS(b Behaviour, serve func(*visit)) script {
	return script{behaviour: b, serve: serve, secure: true}
}

func (s *script) scheme() string {
	if s.secure {
		return "https"
	}
	return "http"
}

func (s *script) run(v *visit) {
	if s.tls == nil {
		s.serve(v)
		return
	}
	over := tls.Server(v.raw, s.tls())
	if over.Handshake() != nil {
		// What was unread at a close would cost the client the alert.
		_, _ = io.Copy(io.Discard, v.raw)
		return
	}
	v.Conn = over
	v.in.Reset(over)
	s.serve(v)
}

// asked reads a request before it goes on.
func asked(next func(*visit)) func(*visit) {
	return func(v *visit) {
		if v.request() {
			next(v)
		}
	}
}

// greeted waits for the client's first byte before it goes on.
func greeted(next func(*visit)) func(*visit) {
	return func(v *visit) {
		if _, err := v.in.ReadByte(); err == nil {
			next(v)
		}
	}
}

// says writes s and nothing more.
func says(s string) func(*visit) {
	return func(v *visit) {
		v.write(s)
		v.linger()
	}
}

// always answers every request with s.
func always(s string) func(*visit) {
	return func(v *visit) {
		for v.request() && v.write(s) {
		}
		_, _ = io.Copy(io.Discard, v.in)
	}
}

// early answers a request whose body is not read.
func early(next func(*visit)) func(*visit) {
	return func(v *visit) {
		if v.head() != nil && v.write(answer("413 Too Large", "")) {
			next(v)
		}
	}
}

// answer is a whole answer.
func answer(status, body string, header ...string) string {
	lines := append([]string{"HTTP/1.1 " + status, fmt.Sprintf("Content-Length: %d", len(body))}, header...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

var ok = answer("200 OK", "")

const hostileText = "a\x00b\x1b[2J\x1b]0;title\x07 \u202egnp.exe \xff\xfe\xc0\xaf \u0085\r\n"

// gzipBomb is the same MiB of zeros a hundred times: members of gzip may follow
// each other.
var gzipBomb = sync.OnceValue(func() string {
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	return answer("200 OK", strings.Repeat(member.String(), 100), "Content-Encoding: gzip")
})
