package verify

import "fmt"

// Scheme says which signature a request must carry. It comes from the
// configuration only; no header can choose the algorithm.
type Scheme uint8

const (
	// Any is the default. A request with any of webhook-id, webhook-timestamp
	// and webhook-signature is judged by Standard Webhooks alone, any other by
	// X-Webhook-Signature. Whoever has captured a delivery can strip the
	// webhook-* headers and replay the rest without limit of time; ask for
	// ReplayProtected when the sender sends them.
	Any Scheme = iota
	// ReplayProtected accepts Standard Webhooks signatures only
	// (webhook-signature over id, time and body; v1 where there are secrets, v1a
	// where there are public keys). Stripping headers leads to a
	// refusal, not to a weaker check.
	ReplayProtected
	// BodyOnly accepts X-Webhook-Signature only and ignores the webhook-*
	// headers. It has no replay protection. It is for senders that know
	// nothing else, and for a secret that starts with whsec_ without being a
	// Standard Webhooks secret.
	BodyOnly
)

// String returns the name of the constant.
func (s Scheme) String() string {
	switch s {
	case Any:
		return "Any"
	case ReplayProtected:
		return "ReplayProtected"
	case BodyOnly:
		return "BodyOnly"
	}
	return fmt.Sprintf("Scheme(%d)", uint8(s))
}
