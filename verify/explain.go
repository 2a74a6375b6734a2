package verify

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/autoreach/webhook/internal/signature"
)

// Bounds of the work of one explanation.
const (
	maxExplainWork = 32 << 20  // bytes that are signed, all tries together
	maxExplainBody = 256 << 10 // bytes of a body that is tried in other forms
)

// Explain says which mistake a refused request looks like, in a few sentences
// for the log of the receiver's developer: a body that was parsed and encoded
// again, a secret with a line break or quotes, a key that was decoded or should
// have been, a clock that is wrong by so many seconds, a header that a proxy
// dropped or doubled, hex in place of base64, the secret from before a rotation.
// It is "" for a request that verifies.
//
// body are the bytes that were verified, or nil when they were not read. Of r
// only Method, Header and ContentLength are looked at; where there is no
// *http.Request, fill these into one, with zero for what is not known.
//
// What it says about body and secret is proven, by a signature that is right
// under the mistake, unless it says "looks like" or "probably". It holds no
// secret, no signature and no text of a header or the body, and is nothing to
// send to the client: answer 401 and no more. It tries some hundred signatures
// in the worst case and reads a body of more than 256 KiB as it is only, so call
// it when a verification has failed and you want to know, or set
// Options.Explain.
func (v *Verifier) Explain(r *http.Request, body []byte) string {
	if r.Method != "" && r.Method != http.MethodPost {
		return "The method is not POST: it is no delivery, or a redirect on the way made a GET of it. Register the address that it leads to."
	}
	var c claim
	err := v.inspect(r.Header, &c)
	switch {
	case err == nil && v.check(&c, body) == nil:
		return ""
	case err == nil:
		return v.explainMismatch(r, &c, body)
	case errors.Is(err, ErrTooOld), errors.Is(err, ErrTooNew):
		return v.explainTime(r, body)
	}
	return v.explainHeaders(r.Header, body)
}

// explainTime tells the age of a request whose headers are in order otherwise.
func (v *Verifier) explainTime(r *http.Request, body []byte) string {
	unix, _ := signature.ParseTimestamp(r.Header.Get(headerTimestamp))
	age := v.opt.Now().Sub(time.Unix(unix, 0))
	text := fmt.Sprintf("The request is dated %d seconds before this machine's clock: it was kept that long (saved, queued on the way, or replayed), or this clock is fast by that much. Run NTP.", seconds(age))
	if age < 0 {
		text = fmt.Sprintf("The request is dated %d seconds after this machine's clock: this clock is slow by that much, or the sender's is fast. Run NTP.", seconds(-age))
	}
	if body == nil {
		return text
	}
	// The rest is judged as if the clock were right.
	then := *v
	then.opt.Now = func() time.Time { return time.Unix(unix, 0) }
	if rest := then.Explain(r, body); rest != "" {
		return text + " Beside that: " + rest
	}
	return text + " Beside that it verifies."
}

// explainMismatch is about well-formed headers whose signature is not that of
// the body.
func (v *Verifier) explainMismatch(r *http.Request, c *claim, body []byte) string {
	announced := contentLength(r)
	if len(body) == 0 {
		text := "The body is empty"
		if announced > 0 {
			text = fmt.Sprintf("The request announced %d bytes and the body is empty", announced)
		}
		return text + ": something read it before the verifier, such as middleware that parses or logs bodies. Verify first, and hand the body on."
	}
	var said []string
	if announced > 0 && announced != int64(len(body)) {
		said = append(said, fmt.Sprintf("The request announced %d bytes and %d were verified: the body was changed, inflated or cut on the way.", announced, len(body)))
	}
	t := &trial{v: v, claim: c, body: body, left: maxExplainWork}
	for _, find := range []func(*trial, http.Header) string{
		(*trial).otherBody, (*trial).otherKey, (*trial).otherContent, (*trial).otherHeader,
	} {
		if text := find(t, r.Header); text != "" {
			return strings.Join(append(said, text), " ")
		}
	}
	if text := looksLike(r.Header, body); text != "" {
		said = append(said, text)
	}
	secret := "the secret"
	if n := len(v.keys); n > 1 {
		secret = fmt.Sprintf("any of the %d secrets", n)
	}
	if len(v.keys) > 0 {
		said = append(said, "No known mistake makes "+secret+" give this signature: probably the sender has another secret, or another webhook's. "+
			"Compare their length and first characters, and the body with what the sender's log shows.")
	}
	if n := len(v.public); n > 0 && c.list.LenAsymmetric() > 0 {
		said = append(said, fmt.Sprintf("No v1a entry is by any of the %d public keys: probably the sender signs with another key, or for another webhook.", n))
	}
	return strings.Join(said, " ")
}

// contentLength is what the request says of the length of its body; 0 if that
// is not known. net/http moves the header into the field.
func contentLength(r *http.Request) int64 {
	if r.ContentLength > 0 {
		return r.ContentLength
	}
	n, err := strconv.ParseInt(r.Header.Get("Content-Length"), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// A trial compares a claimed signature with those that mistakes would give,
// until it has signed maxExplainWork bytes.
type trial struct {
	v     *Verifier
	claim *claim
	body  []byte
	left  int
}

// spend takes what one signature costs, and reports whether there was enough.
func (t *trial) spend(signatures int) bool {
	cost := signatures * (len(t.body) + 512) // what a short one costs as well
	if cost > t.left {
		return false
	}
	t.left -= cost
	return true
}

// isBody reports whether the claimed signature is that of this body.
func (t *trial) isBody(body []byte) bool {
	return t.spend(len(t.v.keys)+len(t.v.public)*t.claim.list.LenAsymmetric()) && t.v.check(t.claim, body) == nil
}

// isKey reports whether this key gives the claimed signature.
func (t *trial) isKey(key []byte) bool {
	if len(key) == 0 || !t.spend(1) {
		return false
	}
	k := signature.NewKey(key)
	if t.claim.standard {
		sum := k.StandardSum(t.claim.id, t.claim.unix, t.body)
		return t.claim.list.Match(&sum)
	}
	sum := k.Sum(t.body)
	return hmac.Equal(sum[:], t.claim.sum[:])
}

// otherContent finds that the wrong text was signed.
func (t *trial) otherContent(http.Header) string {
	for _, k := range t.v.keys {
		if !t.spend(1) {
			return ""
		}
		if t.claim.standard {
			if sum := k.standard.Sum(t.body); t.claim.list.Match(&sum) {
				return "webhook-signature signs the body alone: what has to be signed is id.timestamp.body."
			}
		}
	}
	return ""
}

// otherHeader finds that the signature of the other scheme in the same request
// is right.
func (t *trial) otherHeader(h http.Header) string {
	other := *t.v
	if t.claim.standard {
		other.opt.Scheme = BodyOnly
	} else {
		other.opt.Scheme = ReplayProtected
		other.opt.Now = func() time.Time { // it is not about the time
			unix, _ := signature.ParseTimestamp(h.Get(headerTimestamp))
			return time.Unix(unix, 0)
		}
		other.keys = nil
		for _, k := range t.v.keys {
			if key, err := k.standardKey(); err == nil {
				other.keys = append(other.keys, keyPair{standard: signature.NewKey(key)})
			}
		}
	}
	if !t.spend(len(other.keys)) || other.VerifyHeaders(t.body, h) != nil {
		return ""
	}
	if t.claim.standard {
		return "X-Webhook-Signature of the same request is right, so body and secret are those of the sender: webhook-id or webhook-timestamp was changed on the way, " +
			"or a rotation has ended for one of the two headers."
	}
	return "webhook-signature of the same request is right, so the body is that of the sender. While a secret is rotated, X-Webhook-Signature is made with the old one: " +
		"put it into Options.MoreSecrets, or ask for ReplayProtected."
}
