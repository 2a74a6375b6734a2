package webhooktest

// Behaviour is what a [Hostile] server does to its clients. Its text says so in
// words, for the name of a subtest.
type Behaviour string

// Connections that break.
const (
	Refused           Behaviour = "refused"              // nothing listens on the port
	ResetOnAccept     Behaviour = "reset on accept"      // resets the connection (RST) before it reads anything
	CloseOnAccept     Behaviour = "close on accept"      // closes it at once, orderly
	ResetOnRequest    Behaviour = "reset on request"     // reads the request and resets
	CloseOnRequest    Behaviour = "close on request"     // reads the request and closes
	ResetInStatusLine Behaviour = "reset in status line" // resets after half of a status line
	ResetInHeaders    Behaviour = "reset in headers"     // resets after half of the headers
	ResetInBody       Behaviour = "reset in body"        // answers 200 and resets in the middle of the body
)

// Answers that do not come, or not to an end.
const (
	NeverAnswers   Behaviour = "never answers"    // reads the request, and nothing more happens
	StallInHeaders Behaviour = "stall in headers" // begins an answer, and nothing more happens
	StallInBody    Behaviour = "stall in body"    // answers 200 with half of a body, and nothing more happens
	DripStatusLine Behaviour = "drip status line" // one byte every 10 ms of a status line without end
	DripHeaders    Behaviour = "drip headers"     // one byte every 10 ms of headers without end
	DripBody       Behaviour = "drip body"        // 200, and one byte every 10 ms of a body without end
)

// Answers that are too large. All of them go on until the client hangs up.
const (
	EndlessStatusLine Behaviour = "endless status line" // a status line without end
	EndlessHeader     Behaviour = "endless header"      // one header without end
	EndlessHeaders    Behaviour = "endless headers"     // headers without end
	EndlessInterim    Behaviour = "endless 103"         // interim answers (1xx) without end
	EndlessBody       Behaviour = "endless body"        // 200 and a body without length or end
	EndlessChunks     Behaviour = "endless chunks"      // 200 and chunks of four bytes without end
	LengthMaxInt64    Behaviour = "length MaxInt64"     // 200 and the greatest Content-Length there is, of which three bytes come
	GzipBomb          Behaviour = "gzip bomb"           // 200 and 100 kB of gzip that inflate to 100 MiB
)

// Answers that break the protocol.
const (
	SwitchingProtocols Behaviour = "101 and silence"     // switches protocols though nobody asked, and says nothing more
	NotHTTP            Behaviour = "not HTTP"            // greets as a mail server does
	Binary             Behaviour = "binary"              // answers in bytes that are no text, and no line
	Status000          Behaviour = "status 000"          // answers 000
	Status099          Behaviour = "status 099"          // answers 099
	Status999          Behaviour = "status 999"          // answers 999
	Status2000         Behaviour = "status 2000"         // answers with a status of four digits
	ConflictingLengths Behaviour = "conflicting lengths" // 200 with two values of Content-Length
	NegativeLength     Behaviour = "negative length"     // 200 with a Content-Length below zero
	BrokenChunks       Behaviour = "broken chunks"       // 200, chunked, with a size that is no number
	SecondAnswer       Behaviour = "second answer"       // 200, and a 500 that nobody asked for right behind it
	EarlyAnswer        Behaviour = "early 413"           // answers 413 after the headers and reads no further
	EarlyAnswerReset   Behaviour = "early 413 and reset" // the same, and closes with the rest unread
	HostileText        Behaviour = "hostile text"        // 500 with terminal escapes, NUL, bidirectional marks and broken UTF-8 in reason and body
)

// Redirects. Who follows one of the first five comes back to the same server,
// to be counted in [Hostile.Requests] and redirected again.
const (
	Redirect301       Behaviour = "redirect 301"       // to another path, with the method changed
	Redirect302       Behaviour = "redirect 302"       // the same
	Redirect303       Behaviour = "redirect 303"       // the same
	Redirect307       Behaviour = "redirect 307"       // to another path, with body and method kept
	Redirect308       Behaviour = "redirect 308"       // the same
	RedirectElsewhere Behaviour = "redirect elsewhere" // 308 to an https URL on another host, with a token in the query
	RedirectInternal  Behaviour = "redirect internal"  // 307 to the address of cloud metadata
	RedirectNowhere   Behaviour = "redirect nowhere"   // 302 without a Location
	RedirectBroken    Behaviour = "redirect broken"    // 302 with a Location that is no URL
	MultipleChoices   Behaviour = "multiple choices"   // 300 with a Location
	NotModified       Behaviour = "not modified"       // 304, which no request asked for
)

// Faults of TLS. Their URLs are https.
const (
	CertificateExpired          Behaviour = "certificate expired"              // on 2020-01-31
	CertificateNotYetValid      Behaviour = "certificate not yet valid"        // before 2099-01-01
	CertificateWrongHost        Behaviour = "certificate of another host"      // of www.example.com
	CertificateUnknownAuthority Behaviour = "certificate of unknown authority" // that [Hostile.TLS] does not trust
	CertificateChainOversize    Behaviour = "certificate chain too large"      // 64 KiB of certificates behind a good one
	ClientCertificate           Behaviour = "client certificate"               // asks for one, in TLS 1.3, where it says so only after the handshake
	ClientCertificateTLS12      Behaviour = "client certificate in TLS 1.2"    // asks for one in the handshake
	TLSOldVersion               Behaviour = "TLS 1.1"                          // and nothing newer
	TLSPlainText                Behaviour = "plain text on the TLS port"       // answers the handshake with HTTP
	TLSStall                    Behaviour = "stall in handshake"               // reads the client's part of the handshake, and nothing more happens
	TLSDrip                     Behaviour = "drip handshake"                   // one byte every 10 ms of a handshake without end
	TLSReset                    Behaviour = "reset in handshake"               // resets when the client has begun
	HTTP2Only                   Behaviour = "HTTP/2 only"                      // refuses the handshake of who does not offer HTTP/2
	HTTP2Anyway                 Behaviour = "HTTP/2 though it was not offered" // lets the handshake pass, and then speaks HTTP/2
)

// HostileBehaviours returns all of them, for a test that meets each.
func HostileBehaviours() []Behaviour {
	all := make([]Behaviour, len(scripts))
	for i, s := range scripts {
		all[i] = s.behaviour
	}
	return all
}
