package webhook

import (
	"context"
	"time"
)

// A Store keeps endpoints, events and deliveries, and hands deliveries out to
// dispatchers. [NewMemoryStore] is the reference; package storetest proves
// that another one keeps the contract.
//
// # Lanes
//
// The deliveries of one endpoint form its lane. A lane has a ready time: from
// then on any dispatcher may [Lanes.Claim] it. Claiming moves the ready time
// to the end of the lease and raises the lane's token by one; so an expired
// lease is simply a ready lane again, and the token fences whatever its
// former holder still sends: only a 2xx that really happened is accepted from
// a holder that lost its lane.
//
// A lane also has a mark. Whatever can make one of its deliveries eligible
// earlier than before raises the mark, and makes the lane ready if nobody
// holds it, though not before a pause of its own ends: an append, a resend or
// recovery, any change of the endpoint, and, since the next one in a FIFO lane
// comes to the head, a delivery that ends without the holder (dismissed,
// expired, erased, or delivered by a former holder). A holder that found
// nothing due returns the lane with the mark it saw; if something came in
// between, the return is refused and the holder asks again. That is why no
// event is ever stranded by a wake-up that got lost.
//
// A Hold is the lane's current claim as long as its token is the lane's.
// Outcomes are judged by that alone. Extend and Return also want the lane not
// to be returned, and Due wants its lease not to have ended.
//
// A claim whose answer is lost keeps its lanes until the lease ends.
//
// # Rules for every method
//
//   - Safe for concurrent use, also by several processes where the store can
//     be shared.
//   - A nil error means done, as durably as the store promises. One of the
//     sentinels ([ErrNotFound], [ErrConflict], [ErrLimit], [ErrDisabled],
//     [ErrFull]) means refused, and this call changed nothing. Any other
//     error means that the outcome is unknown: the caller may repeat the call
//     with the same arguments, and the repeat does no harm. If the first one
//     was applied after all, the repeat may be refused ([ErrConflict] for an
//     update, [ErrNotFound] for a delete) or find nothing left to do.
//   - The store has one clock. Callers pass durations, so that a caller's
//     skewed clock neither steals a lease nor moves a retry.
//   - A record of another account is not found, like one that never existed.
type Store interface {
	Tx
	Lanes
	Log
	Operator
}

// Tx is the part of a [Store] that can also run inside a transaction of the
// caller's. A store for a database with transactions has a function that
// makes a Tx of one; see [Dispatcher.EmitTx].
type Tx interface {
	// PutEndpoint creates the endpoint when its Version is 0, and else
	// replaces the one whose Version is the same ([ErrConflict] if it has
	// another by now, [ErrNotFound] if it is gone). The result has the new
	// Version, one higher, and the store's times.
	//
	// A create is refused with [ErrLimit] when the account has limit
	// endpoints or more, disabled ones counted; also when many creates run
	// at once. An update ignores limit. A create whose ID exists in the
	// account with Version 1 is a repeat and returns the stored endpoint.
	//
	// An endpoint that becomes disabled has its lane stopped: nothing is
	// handed out any more and its holder's token is void. One that becomes
	// enabled goes on with whatever waits, not before its former pause and
	// the lease that its last holder had have ended.
	PutEndpoint(ctx context.Context, e Endpoint, limit int) (Endpoint, error)

	// DeleteEndpoint removes the endpoint with its deliveries, attempts and
	// counters, in a time that does not grow with how much waits (what is
	// left may be cleared later by Purge, unseen). Deleting what does not
	// exist is ErrNotFound.
	DeleteEndpoint(ctx context.Context, account, id string) error

	// Endpoints returns a page of the account's endpoints in the order of
	// their IDs, which are those of their creation, with health and pending counts, at a cost that does not
	// depend on how many deliveries are logged.
	Endpoints(ctx context.Context, q EndpointQuery) ([]EndpointRecord, error)

	// Append stores the events and one delivery for each endpoint of the
	// event's account that is enabled and subscribed at that moment: all of
	// them or none. Deliveries of one lane are in the order of the slice, and
	// after those of every Append that returned before this one began.
	//
	// An event whose ID is stored already in the account, or whose Key was used by the same
	// account less than KeyWindow ago, is a duplicate: nothing is added and
	// the result tells the first one's ID and number of deliveries. This also
	// holds within the slice and under concurrent calls.
	//
	// For an endpoint that is subscribed but was disabled by the engine, a
	// delivery is logged as dead with [ReasonMissed], so that it can be
	// recovered; it does not count in Appended.Deliveries.
	//
	// Body and the strings of an event must not be changed afterwards.
	Append(ctx context.Context, events []EventRecord) ([]Appended, error)
}

// Lanes hands the deliveries out, lane by lane.
type Lanes interface {
	// Claim takes up to max ready lanes for lease, those first that have
	// been ready for longest. A disabled, deleted or parked lane is never
	// claimed.
	//
	// next is how long the caller may sleep until a further call can return
	// something, if nothing is appended in its own process meanwhile; it is
	// 0 when more lanes are ready now.
	Claim(ctx context.Context, max int, lease time.Duration) (claims []Claim, next time.Duration, err error)

	// Due returns what is due in held lanes: at most Max deliveries each,
	// never early, without those in Skip; resends first, and then in the
	// order of their due times and IDs. In a FIFO lane only the delivery with
	// the smallest ID is eligible beside resends, and only if it is due, not
	// skipped and not of an excluded type.
	//
	// A lane that the caller does not hold any more, with that very token
	// and within its lease, is left out of the result.
	Due(ctx context.Context, wants []Want) ([]Batch, error)

	// Extend gives held lanes a new lease from now on, and returns those
	// that are not held with that token any more.
	Extend(ctx context.Context, holds []Hold, lease time.Duration) (lost []Hold, err error)

	// Settle applies what was sent, with history, health and counters, and
	// then gives lanes back: one durable step. See [Outcome] and [Return]
	// for what is accepted. Outcomes of several lanes come mixed; those of
	// endpoints that are gone are dropped. Of several outcomes for one
	// delivery (of a stale holder and the present one) a delivered one wins,
	// and else the first that is accepted. All are judged by the lanes as they
	// were before the call; endpoints are disabled after them.
	Settle(ctx context.Context, outcomes []Outcome, returns []Return) (Settled, error)
}

// Log is what has happened, and what can be done about it.
type Log interface {
	// Deliveries returns matching deliveries with their attempts, newest
	// first.
	Deliveries(ctx context.Context, q DeliveryQuery) ([]DeliveryRecord, error)

	// Resend makes a new delivery of the same event as a finished one, with
	// one attempt and outside FIFO order, and returns its ID. The old one
	// leaves the undelivered count; the new one is in it if it dies, unless
	// what it resends had been delivered.
	//
	// op names the operation: a repeat with the same op returns the first
	// one's result. It is ErrConflict while the delivery, or its last resend,
	// is pending, ErrDisabled if its endpoint is disabled, and ErrNotFound if
	// there is no such delivery or its body was purged.
	Resend(ctx context.Context, account string, delivery int64, op string) (int64, error)

	// Recover makes new deliveries, with all their retries, of those matching
	// deliveries that count as undelivered, oldest first and at most q.Limit.
	// The old ones leave the undelivered count. Those whose body was purged,
	// or whose endpoint is disabled, are skipped; a query for one endpoint
	// that is disabled is ErrDisabled.
	Recover(ctx context.Context, q DeliveryQuery) (n int, err error)

	// Dismiss makes matching pending deliveries dead with [ReasonDiscarded],
	// and takes matching dead ones out of the undelivered count, oldest
	// first, at most q.Limit of them. It returns how many it changed.
	Dismiss(ctx context.Context, q DeliveryQuery) (n int, err error)

	// Purge makes pending deliveries older than ages.Pending dead with
	// [ReasonExpired], in lanes of any state, and forgets bodies, finished
	// deliveries, keys and counters past their age; an event that a pending
	// delivery needs is never forgotten. It takes at most n rows of each and
	// returns how many it changed: call again while that is not 0.
	Purge(ctx context.Context, ages Ages, n int) (int, error)

	// Erase forgets all that is stored about an account, its endpoints
	// included, or about a data subject: matching events with their
	// deliveries, pending ones too, bodies and response excerpts. It takes at
	// most n events (endpoints) and returns how many it erased: call again
	// while that is not 0.
	Erase(ctx context.Context, e Erasure, n int) (int, error)
}

// Operator is what the people who run the service look at and turn.
type Operator interface {
	// Stats counts what is stored.
	Stats(ctx context.Context) (StoreStats, error)

	// Pauses returns the pauses that are set, and their sequence number,
	// which grows with every change.
	Pauses(ctx context.Context) (Pauses, error)

	// SetPause sets or lifts a pause. Lifting one makes every parked lane
	// ready again.
	SetPause(ctx context.Context, p Pause, on bool) error
}

// An Exclusive store can be used by many processes but delivered from by one
// at a time. [Dispatcher.Run] calls Lock before it claims anything and the
// returned function when it has given everything back. Lock also frees the
// lanes that a process which died has left behind.
type Exclusive interface {
	Lock(ctx context.Context) (unlock func() error, err error)
}

// EventRecord is an event as stored: encoded once, sent byte for byte to
// every endpoint at every attempt.
type EventRecord struct {
	ID         string // a UUIDv7; what receivers see as webhook-id
	Account    string
	Type       EventType
	Key        string        // idempotency key; empty for none
	KeyWindow  time.Duration // how long Key refuses a second event
	Subject    string        // whom the data is about, for Erase; may be empty
	OccurredAt time.Time
	Body       []byte // the payload
}

// Appended is the result of one event of an Append.
type Appended struct {
	ID         string // of the event that is stored now
	Deliveries int    // how many endpoints get it
	Duplicate  bool   // it had been stored before
}

// Hold says which claim a call speaks for.
type Hold struct {
	Endpoint string // the endpoint's ID, which is also its lane's
	Token    int64
}

// Claim is a lane that was handed to the caller.
type Claim struct {
	Hold
	Config     Endpoint      // with its secrets
	Pace       []byte        // what the last holder returned
	FailingFor time.Duration // since the first failed attempt after the last success; 0 if none
	DeadInRow  int           // deliveries that died of failure since the last success, without those whose last attempt was a [SenderFault]
}

// Want asks for work in a held lane.
type Want struct {
	Hold
	Max     int         // of deliveries; 0 for the rest of the answer alone
	Skip    []int64     // deliveries in the caller's hands
	Exclude []EventType // paused types
	Version int64       // of the endpoint as the caller knows it
	Count   int         // how far Batch.Pending shall count; 0 not at all
}

// Batch answers a Want.
type Batch struct {
	Hold
	Mark       int64     // for Return
	Config     *Endpoint // nil unless its Version is not Want.Version
	Pending    int       // deliveries that wait in the lane, due or not, counted up to Want.Count
	Deliveries []Delivery
}

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID       int64         // grows along the lane and is never used again
	Attempts int           // that were made and counted
	Delay    time.Duration // before the attempt that is due; 0 before the first
	Gone     bool          // at least one attempt was made and all of them answered 410
	Resend   bool          // one attempt, outside FIFO order, without effect on health
	Age      time.Duration // since it was appended
	Event    *EventRecord  // shared, not to be changed; nil if it cannot be read
}

// Outcome is what became of a delivery that Due had handed out.
//
// StateDelivered applies to a pending and also to a dead delivery, whoever
// holds the lane: the 2xx has happened. StatePending (a retry) and StateDead
// apply only while Hold is the lane's current claim, the delivery is pending
// and After is its number of counted attempts, which an attempt that was
// delivered or failed makes After+1 (never less than before); so a repeat, and
// a late answer of a holder that was superseded, change nothing. An attempt is recorded in
// either case, once for each delivery, number and token: one that was not
// applied as superseded. One whose Result is [ResultInterrupted] is recorded
// and changes nothing else; nothing is sent for that delivery under the same
// token again.
type Outcome struct {
	Hold
	Delivery int64
	After    int           // counted attempts before this one
	Attempt  *Attempt      // nil if nothing was sent
	State    State         // delivered, pending (again) or dead
	Delay    time.Duration // StatePending: until it is due again
	Reason   Reason        // StateDead
	Disable  string        // StateDead: disable the endpoint, for this reason, if the outcome applies
	Version  int64         // of the endpoint as it was sent to: another one is not disabled
}

// Return gives a lane back. It is accepted only while Hold is the lane's
// current claim, and, unless Mark is [MarkAny], only while the lane's mark is
// still Mark. The lane is then ready at its earliest due time, or at once for
// MarkAny, and in neither case before Pause has passed.
//
// With Park, deliveries of the types in Exclude, or all of them if it is
// empty, do not make the lane ready: they wait until a pause is lifted, the
// endpoint is changed, or something is appended. Park is the Pauses.Seq that
// the caller judged by; another one is refused.
type Return struct {
	Hold
	Mark    int64
	Pause   time.Duration
	Park    int64       // 0: nothing is paused
	Exclude []EventType // with Park: the paused types; empty for all
	Pace    []byte      // for the next holder
}

// MarkAny in a Return says that work is left in the lane.
const MarkAny int64 = -1

// Settled is the answer of Settle.
type Settled struct {
	Applied []bool   // for each outcome
	Refused []Hold   // returns that were not accepted: ask Due again
	Changes []Change // of endpoints' health, for the host's hook
}

// Change is a turn in an endpoint's health that a Settle brought about.
type Change struct {
	Account  string
	Endpoint string // ID
	Name     string // the endpoint's
	Kind     ChangeKind
	Reason   string
}

// ChangeKind says what changed.
type ChangeKind string

// The kinds of Change.
const (
	ChangeFailing   ChangeKind = "failing"   // an attempt failed, the first one since the last success
	ChangeError     ChangeKind = "error"     // a delivery died; the endpoint has the error status
	ChangeDisabled  ChangeKind = "disabled"  // the engine disabled the endpoint
	ChangeRecovered ChangeKind = "recovered" // a delivery succeeded after any of these
)
