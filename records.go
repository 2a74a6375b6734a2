package webhook

import "time"

// State is where a delivery stands.
type State string

// The states of a delivery.
const (
	StatePending   State = "pending"   // waits for its first attempt or the next one
	StateDelivered State = "delivered" // the endpoint answered 2xx
	StateDead      State = "dead"      // given up; the Reason says why
)

// Reason says why a delivery is dead.
type Reason string

// The reasons.
const (
	ReasonFailed     Reason = "failed"     // every attempt failed
	ReasonExpired    Reason = "expired"    // it waited longer than [Options.ExpireAfter]
	ReasonMissed     Reason = "missed"     // the endpoint had been disabled by the engine when the event was emitted
	ReasonDiscarded  Reason = "discarded"  // somebody dismissed it while it waited
	ReasonUnreadable Reason = "unreadable" // the stored event cannot be read
	ReasonFormat     Reason = "format"     // the event could not be put into the endpoint's format; the attempt says why
)

// Attempt is one request that was sent for a delivery, and what came back.
type Attempt struct {
	N        int           // 1 for the first
	At       time.Time     // when it was recorded, by the store's clock
	Took     time.Duration // from when it was signed to the verdict; or what signing took, if that failed
	Result   Result        // what it counted as
	Status   int           // HTTP status; 0 without an answer
	Class    string        // stable code of the failure, "" for a success; see the Class constants
	Error    string        // the failure in a sentence for the endpoint's owner
	Response []byte        // excerpt of the answer's body: at most 16 KiB of valid UTF-8
}

// Result says what an attempt counted as.
type Result string

// The results of an attempt.
const (
	ResultDelivered   Result = "delivered"   // a 2xx
	ResultFailed      Result = "failed"      // anything else
	ResultInterrupted Result = "interrupted" // cut off by the sender (shutdown, lost lease); does not count as one of the attempts
	ResultSuperseded  Result = "superseded"  // reported after another process had taken the lane over; does not count
)

// Health is how an endpoint has been answering. It is kept apart from the
// endpoint's configuration and never changes its Version.
type Health struct {
	// The last finished attempt, without those of resends that failed.
	Last     LastState
	At       time.Time
	EventID  string
	Attempt  int       // its number
	NextAt   time.Time // LastRetrying: when the next one is due
	Status   int
	Class    string
	Error    string
	Response []byte // excerpt, at most 1 KiB

	// InError is the error status: a delivery died, and none has succeeded
	// since. Reason says why.
	InError bool
	Reason  string

	// FailingSince is when the first attempt failed after the last success;
	// zero if none did.
	FailingSince time.Time

	// Undelivered counts deliveries that are dead and were neither resent
	// nor dismissed; LastReason is why the last of them died.
	Undelivered int
	LastReason  string
}

// LastState is the outcome of an endpoint's last finished attempt.
type LastState string

// The last states.
const (
	LastNever     LastState = "never"     // nothing was sent yet
	LastDelivered LastState = "delivered" // 2xx
	LastRetrying  LastState = "retrying"  // failed; tried again at NextAt
	LastFailed    LastState = "failed"    // failed for the last time
)

// Hour counts what an endpoint answered in one hour.
type Hour struct {
	Start     time.Time     // UTC, the full hour
	Delivered int           // attempts that succeeded
	Failed    int           // attempts that failed
	Latency   time.Duration // of all of them together
}

// EndpointQuery selects endpoints of one account.
type EndpointQuery struct {
	Account string    // required
	ID      string    // this one only
	Type    EventType // only those that an event of this type would concern: subscribed and enabled, or disabled by the engine
	After   string    // the ID of the last one of the page before
	Limit   int       // default 100, at most 1,000
	Hours   int       // fill EndpointRecord.Hours with that many hours up to now; at most 168
}

// EndpointRecord is an endpoint with what is known about it.
type EndpointRecord struct {
	Endpoint
	Health  Health
	Pending int    // deliveries that wait; a store may stop counting at 10,000
	Hours   []Hour // oldest first, without empty hours

	// Unreadable, in what [Dispatcher.ListEndpoints] and [Dispatcher.Endpoints]
	// return, is why URL, headers and PublicKey are left out and SentAs is a guess:
	// they are encrypted with a key that is not among [Options.EncryptionKeys].
	// Nothing is sent to the endpoint until a process has the key, and what waits
	// for it goes on waiting; only DeleteEndpoint can change it meanwhile.
	Unreadable error
}

// DeliveryQuery selects deliveries of one account. Fields that are zero do
// not restrict; those that are set must all match.
type DeliveryQuery struct {
	Account     string // required
	Endpoint    string
	Event       string    // an event's ID
	Type        EventType // an event's type
	IDs         []int64
	States      []State
	Undelivered bool      // only dead ones that were neither resent nor dismissed
	Since       time.Time // appended at or after
	Until       time.Time // appended before
	Before      int64     // delivery IDs smaller than this: the last one of the page before
	Limit       int       // default 100, at most 1,000
	Body        bool      // fill DeliveryRecord.Body
}

// DeliveryRecord is a delivery as the log shows it.
type DeliveryRecord struct {
	ID          int64
	Account     string
	Endpoint    string // ID
	Event       string // ID
	Type        EventType
	OccurredAt  time.Time
	CreatedAt   time.Time // appended or resent
	FinishedAt  time.Time // zero while pending
	State       State
	Reason      Reason    // StateDead
	NextAt      time.Time // StatePending: when it is due; the lane may be busy, paused or disabled then
	Resend      bool      // made by Resend: one attempt
	Of          int64     // the delivery that this one resends or recovers; 0 if none
	ResentAs    int64     // the delivery that resends or recovers this one; 0 if none
	Undelivered bool      // counts in Health.Undelivered
	Attempts    []Attempt // in the order of their recording
	Body        []byte    // the payload, if asked for; nil once purged, or while its key is not among Options.EncryptionKeys
}

// Ages are limits for [Log.Purge]. 0 keeps for ever.
type Ages struct {
	Pending time.Duration // how long a delivery may wait, all retries included
	Bodies  time.Duration // how long an event's body is kept
	Log     time.Duration // how long a finished delivery and its attempts are kept
}

// Erasure selects what [Log.Erase] forgets: all of an account, or, when
// Subject is set, what was emitted about that subject in that account (in all
// accounts when Account is empty).
type Erasure struct {
	Account string
	Subject string
}

// StoreStats counts what a store holds.
type StoreStats struct {
	Endpoints   int
	Pending     int           // deliveries that wait
	Oldest      time.Duration // how long the one that waits for longest has been waiting for its first attempt or the next, past its due time, in lanes that are enabled; 0 if none
	Undelivered int           // dead, neither resent nor dismissed
	Held        int           // lanes in some dispatcher's hands
}

// Pause stops deliveries without losing them. Exactly one of the fields is
// set; the zero Pause stops everything.
type Pause struct {
	Account string
	Type    EventType
	Host    string // of the URL, lower case, without port
}

// Pauses are the pauses that are set.
type Pauses struct {
	Seq  int64 // grows with every change; never 0
	List []Pause
}

// Sentence says the reason in words for the endpoint's owner. attempts is how
// often delivery was tried.
func (r Reason) Sentence(attempts int) string {
	switch r {
	case ReasonExpired:
		if attempts == 0 {
			return "expired before it could be tried"
		}
		return "expired before it could be tried again"
	case ReasonMissed:
		return "emitted while the webhook was disabled after failing"
	case ReasonDiscarded:
		return "discarded on request"
	case ReasonFormat:
		return "the event could not be put into the webhook's format"
	case ReasonUnreadable:
		return "the stored event could not be read"
	}
	return "every attempt failed"
}
