// Package webhook emits webhooks: a backend embeds it so that its customers can
// register HTTPS endpoints and receive the events of their account, signed,
// retried and logged. There is no server to run.
//
// # Emitting
//
// A [Dispatcher] on a [Store] is all there is. Customers register endpoints,
// the backend emits events, and Run delivers:
//
//	d, err := webhook.New(webhook.NewMemoryStore(nil), nil)
//	go d.Run(ctx)
//
//	ep, err := d.CreateEndpoint(ctx, webhook.Endpoint{
//		Account: "acct_1",
//		Name:    "CRM Sync",
//		URL:     "https://crm.example.com/hooks",
//		Events:  []webhook.EventType{events.LeadScored},
//		Secret:  webhook.GenerateSecret(),
//	})
//
//	sent, err := d.Emit(ctx, webhook.Event{
//		Account: "acct_1",
//		Type:    events.LeadScored,
//		Data:    events.LeadScoredData{ … },
//	})
//
// Emit's nil error means that the event is stored and will be delivered, or
// shown as failed. Whatever the endpoint answers but 2xx is tried again, by
// default after 30 seconds, 10 minutes and 2 hours.
//
// The payload has exactly three fields: event, timestamp and data. It is
// encoded once and sent byte for byte to every endpoint at every attempt, with
// X-Webhook-Signature (see [BodySigner]) and the headers of Standard Webhooks
// (see [StandardSigner]), under the endpoint's secret, its ed25519 key (see
// [GenerateSigningKey]) or both. [StripeSigner], [GitHubSigner] and [KeySigner]
// can stand beside them.
//
// # Chats
//
// An endpoint whose URL is a Slack incoming webhook, or one of Discord, gets a
// message for people instead; Microsoft Teams has to be named, and a host can
// add its own: [Endpoint].Format and [Options].Formats.
//
// # Receiving
//
// Receivers import package verify, which needs the standard library only.
//
// # Safety
//
// An endpoint's URL comes from a stranger. Only https and public addresses
// are accepted, judged again by the address that is dialled at every attempt;
// redirects are not followed, and what comes back is bounded in size and time.
// [Options.AllowPrefixes] opens other addresses, for development or a
// self-hosted product.
package webhook

import (
	"context"
	"time"
)

// EventType is the name of a type of event, such as "lead.scored".
type EventType = string

// Endpoint is a registered webhook: an account's HTTPS URL that receives the
// account's events of some type.
//
// Account, Name, URL and Events are what a customer enters; see
// [Dispatcher.CreateEndpoint] for the rules. What a Dispatcher returns never
// holds a secret: HasSecret, Rotating and PublicKey say what is set.
type Endpoint struct {
	ID      string // a UUIDv7, given at creation
	Account string // whose it is; opaque to the library
	Version int64  // grows by one with every change; 0 for one that is not stored yet

	Name    string            // 1 to 100 characters
	URL     string            // https, public, at most 2,048 bytes
	Events  []EventType       // what it receives; one by default, see [Options.EventsPerEndpoint]
	Format  string            // the name of a [Format]; empty has it chosen by the URL: slack or discord for theirs, else json
	Secret  Secret            // signs every delivery; at least 16 characters, or empty for none
	Headers map[string]string // sent with every delivery
	Timeout time.Duration     // for one attempt, all in all; 0 means [Options.Timeout]

	// SigningKey signs every delivery too, by ed25519: the receiver verifies
	// with PublicKey and cannot sign itself. It begins with whsk_; see
	// [GenerateSigningKey]. Empty means none. Without Secret it signs alone;
	// without either deliveries are unsigned.
	SigningKey Secret

	MaxInFlight int     // requests at a time; 0 means [Options.MaxInFlight]
	PerSecond   float64 // requests a second on average; 0 means the format's rate: 1 for Slack, no limit for json
	FIFO        bool    // strictly one after the other, a failing one first retried to its end

	Enabled        bool
	DisabledBy     DisabledBy // who disabled it, when it is not enabled
	DisabledReason string     // why, when the engine did

	OldSecret      Secret    // the one before, while a rotation lasts
	OldSecretUntil time.Time // when the rotation ends

	HasSecret bool   // in what a Dispatcher returns: Secret is set
	Rotating  bool   // in what a Dispatcher returns: OldSecret still signs
	SentAs    string // in what a Dispatcher returns: the name of the format, also when Format is empty
	PublicKey string // in what a Dispatcher returns: SigningKey's, whpk_…, to be shown to the customer; empty if there is none

	CreatedAt time.Time // by the store's clock
	UpdatedAt time.Time

	// ChangedBy is who made the last change, as [WithActor] named them; empty
	// if it named nobody, or if the engine disabled the endpoint.
	ChangedBy string
}

// DisabledBy says who disabled an endpoint.
type DisabledBy string

// Who can disable an endpoint.
const (
	DisabledByCustomer DisabledBy = "customer" // the account, through UpdateEndpoint
	DisabledByOperator DisabledBy = "operator" // whoever runs the service; on the page of package console no customer can enable it
	DisabledByEngine   DisabledBy = "engine"   // by itself: it answered 410 to all attempts of a delivery, or failed for too long
)

// Emitter is what a host's own code should ask for where it emits events, so
// that its tests can pass a recorder.
type Emitter interface {
	Emit(ctx context.Context, e Event) (Emitted, error)
	EmitTx(ctx context.Context, tx Tx, e Event) (Emitted, error)
}
