package webhook

import (
	"context"
	"encoding/hex"
	"net/http"
	"strconv"

	"github.com/autoreach/webhook/internal/guard"
)

// StripeSigner signs as Stripe does, for hosts whose receivers verify that:
// t=, the unix seconds of the attempt, and one v1= for each active secret, the
// hex of the HMAC-SHA256 of "{t}.{body}". The key is the bytes of the secret as
// given, whsec_ included. Endpoints without a secret get no header. It stands
// in [Options].Signers beside the others or instead of them:
//
//	Signers: []webhook.Signer{webhook.BodySigner{}, webhook.StandardSigner{}, webhook.StripeSigner{Header: "Acme-Signature"}}
//
// Stripe's libraries are given the header's value, whatever its name is. The
// event's id is not signed.
type StripeSigner struct {
	Header string // its name. Default Stripe-Signature
}

// Sign implements [Signer].
func (g StripeSigner) Sign(_ context.Context, h http.Header, s Signing) error {
	if len(s.Keys) == 0 {
		return nil
	}
	t := strconv.FormatInt(s.Timestamp.Unix(), 10)
	value := "t=" + t
	for _, k := range s.Keys {
		sum := k.body.Sum([]byte(t+"."), s.Body)
		value += ",v1=" + hex.EncodeToString(sum[:])
	}
	h.Set(g.header(), value)
	return nil
}

func (g StripeSigner) header() string { return nameOr(g.Header, "Stripe-Signature") }

// GitHubSigner signs as GitHub does, for hosts whose receivers verify that:
// sha256= and the hex of the HMAC-SHA256 of the body. It is [BodySigner] under
// another name, with what is said there about rotations and replays.
type GitHubSigner struct {
	Header string // its name. Default X-Hub-Signature-256
}

// Sign implements [Signer].
func (g GitHubSigner) Sign(_ context.Context, h http.Header, s Signing) error {
	if len(s.Keys) > 0 {
		h.Set(g.header(), s.Keys[0].body.Body(s.Body))
	}
	return nil
}

func (g GitHubSigner) header() string { return nameOr(g.Header, "X-Hub-Signature-256") }

func nameOr(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

// headerOf is the header that a signer has to itself; empty if it has none, or
// if it is the host's own, which nothing is known of.
func headerOf(s Signer) string {
	switch s := s.(type) {
	case BodySigner:
		return headerSignature
	case StripeSigner:
		return s.header()
	case GitHubSigner:
		return s.header()
	}
	return ""
}

// waits says whether a signer may wait for something. Those that only compute
// need no context that ends.
func waits(s Signer) bool {
	switch s.(type) {
	case BodySigner, StandardSigner, StripeSigner, GitHubSigner:
		return false
	}
	return true
}

// signerHeaders are the headers that customers may not set.
func signerHeaders(signers []Signer) (names []string) {
	for _, s := range signers {
		if name := headerOf(s); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// checkSigners judges Options.Signers.
func checkSigners(p *problems, signers []Signer, maxPayload int) {
	var headers []string
	for i, s := range signers {
		field := "Options.Signers." + itoa(i)
		if s == nil {
			p.add(field, "required", "", "is nil; leave it out")
			continue
		}
		if k, ok := s.(*KeySigner); ok {
			k.check(p, field, maxPayload)
			continue
		}
		name := headerOf(s)
		if name == "" {
			continue
		}
		if err := guard.SignerHeader(name); err != nil {
			p.add(field, "header", "", "%v", err)
		}
		for _, standard := range []string{headerStandardID, headerStandardTimestamp, headerStandardSignatures} {
			if guard.SameHeader(name, standard) {
				p.add(field, "header", "", "sets %s, which belongs to Standard Webhooks; use another name", name)
			}
		}
		for _, other := range headers {
			if guard.SameHeader(name, other) {
				p.add(field, "header", "", "sets %s, as another signer does; give one of them another name", name)
			}
		}
		headers = append(headers, name)
	}
}
