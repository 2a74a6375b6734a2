// Package verify checks that a webhook request was sent by someone who knows
// the signing secret, before your code runs. It imports the standard library
// only.
//
// # Start here
//
// Keep the secret of the webhook in the environment, make one [Verifier] when
// the program starts, and mount its handler:
//
//	v, err := verify.New(os.Getenv("WEBHOOK_SECRET"), &verify.Options{
//		Scheme: verify.ReplayProtected,
//		Once:   &verify.MemoryOnce{},
//	})
//	if err != nil {
//		log.Fatal(err) // for example: the secret is empty
//	}
//	http.Handle("POST /hooks", v.Handler(func(ctx context.Context, m verify.Message) error {
//		lead, err := verify.Decode[events.LeadScoredData](m) // or a type of your own
//		if err != nil {
//			return err
//		}
//		return save(ctx, m.ID, lead)
//	}))
//
// The function runs only for requests that are genuine. Returning nil answers
// 204; returning an error answers 500, and the sender tries again. Keep it
// short: the sender waits for the answer and counts a slow one as failed.
// [On] makes such a function for one event and its data.
//
// [Verifier.Middleware] puts the same check in front of a handler that you
// already have. [Verifier.Request], [Verifier.Message], [Verifier.VerifyHeaders]
// and [Verifier.Verify] are for routers, queues and functions-as-a-service where
// an [http.Handler] does not fit.
//
// # Which scheme to ask for
//
// A delivery of this library to a webhook with a secret carries two signatures:
//
//   - X-Webhook-Signature: "sha256=" and the HMAC-SHA256 of the raw body in hex.
//     The time is not part of it, so whoever has seen one request can send it
//     again at any later time and it verifies.
//   - webhook-id, webhook-timestamp and webhook-signature, as Standard Webhooks
//     defines them. Id and time of the attempt are signed with the body, so a
//     request is refused once it is older than [Options.Tolerance], and a
//     repetition within that time is recognised by its id (see [Options.Once]).
//
// Ask for [ReplayProtected] when the sender is this library or speaks Standard
// Webhooks. The default, [Any], takes whichever scheme a request comes with. It
// also works with senders that know X-Webhook-Signature only, and for that
// reason it can be downgraded: whoever has captured a delivery can strip its
// three webhook-* headers and replay the rest for ever. [BodyOnly] never looks
// at the webhook-* headers.
//
// # Public keys
//
// A sender may sign with an ed25519 key as well: webhook-signature then has an
// entry v1a. Whoever verifies needs the public key only, whpk_…, which nobody
// can sign with; see [NewPublic] and [Options.PublicKeys]. There is no such
// signature in X-Webhook-Signature.
//
// # What a request must look like
//
// The checks run from the cheapest to the dearest, each before the next:
// method POST (else 405 with Allow); exactly one line of each header that the
// scheme uses, in its exact form, and a timestamp within the tolerance; a body
// of at most [Options.MaxBody] bytes (else 413); the signature over the bytes as
// they were received. Every failed verification is answered by one and the same
// 401; the reason goes to [Options.Logger].
//
// When a request is refused and you do not know why, set [Options.Explain] or
// call [Verifier.Explain]: it says which mistake it looks like, such as a body
// that was parsed and encoded again, a secret with a line break, or a clock that
// is wrong.
//
// Nothing may read or change the body before the verifier does: mount it
// outside of middleware that decompresses, parses or logs bodies. Set
// ReadTimeout on your http.Server: a size limit does not stop a slow sender.
//
// # Rotating the secret
//
// Put the new secret into [New] and the old one into [Options.MoreSecrets] before
// you rotate at the sender, and drop the old one when the overlap is over. While
// it lasts X-Webhook-Signature is still made with the old secret and
// webhook-signature with both, so the receiver needs both.
//
// A public key has no overlap at the sender: put the new one into
// [Options.PublicKeys] before the sender begins to sign with it, or at once where
// you make the key on the sender's page. What you refuse meanwhile is tried again.
//
// # Testing your receiver
//
// Package verify/verifytest signs requests for your own tests.
package verify
