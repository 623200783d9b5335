package hook

import (
	"slices"
	"time"
)

// Mode is the promise made about how often a delivery is sent.
type Mode string

const (
	AtLeastOnce Mode = "at_least_once" // sent again until it succeeds or the schedule ends
	AtMostOnce  Mode = "at_most_once"  // intent is stored before the request; never sent again
)

// State of a delivery. [Next] decides every change; docs/states.md draws them.
type State string

const (
	Pending   State = "pending"   // waits for its first attempt, or for its endpoint
	Sending   State = "sending"   // in a sender's hands; after a crash: interrupted
	Retrying  State = "retrying"  // failed at least once, waits for the next attempt
	Delivered State = "delivered" // the contract's success rule held
	Failed    State = "failed"    // the schedule is used up, or the failure is final
	Unknown   State = "unknown"   // at-most-once, and interrupted: nobody can tell
	Cancelled State = "cancelled" // endpoint gone or disabled, superseded, or a script said so
)

// Finished reports whether nothing more happens unless somebody asks for it.
func (s State) Finished() bool {
	switch s {
	case Delivered, Failed, Unknown, Cancelled:
		return true
	case Pending, Sending, Retrying:
	}
	return false
}

// Waiting reports whether the delivery is neither finished nor being sent.
func (s State) Waiting() bool { return s == Pending || s == Retrying }

// States are all states of a delivery.
var States = []State{Pending, Sending, Retrying, Delivered, Failed, Unknown, Cancelled}

// Valid reports whether s is one of the states.
func (s State) Valid() bool { return slices.Contains(States, s) }

// Reasons of a delivery ([Delivery.Reason]) beside the error classes.
const (
	ReasonInterrupted      = "interrupted"       // the process ended during the attempt
	ReasonEndpointDisabled = "endpoint_disabled" // cancelled with its endpoint
	ReasonEndpointDeleted  = "endpoint_deleted"  // cancelled with its endpoint
	ReasonSuperseded       = "superseded"        // a newer snapshot exists
	ReasonScript           = "script"            // the endpoint's transformation cancelled it
	ReasonShadow           = "shadow"            // a trial: its request was recorded, and not sent
)

// Delivery is one event for one endpoint.
type Delivery struct {
	ID       DeliveryID
	Tenant   string
	Endpoint EndpointID
	Type     string // the event's type, copied for lists
	Mode     Mode
	State    State
	Reason   string // why it is in this state, "" if it speaks for itself
	// Superseded is set in the commit of a newer snapshot, on the unfinished deliveries
	// of the older one. Those that wait are cancelled at once. The attempt of one that is
	// being sent may still succeed; if it does not, the delivery is cancelled instead of
	// tried again. A retry by a person clears the flag.
	Superseded bool
	Test       bool // made by the test button
	Attempts   int  // requests made, interrupted ones included
	Slot       int  // place in the retry schedule: attempts that counted
	// NextAttemptAt is when the next attempt is due; of a delivery in Sending,
	// when the present one began. Zero once finished.
	NextAttemptAt time.Time
	// QueueAt is the delivery's place in its endpoint's queue: NextAttemptAt, or
	// CreatedAt where the endpoint is ordered. Ignored once it is in a sender's
	// hands or finished.
	QueueAt    time.Time
	CreatedAt  time.Time
	FinishedAt time.Time
	// EndpointVersion and ContractVersion freeze the rendering: they are set at
	// the first attempt (0 before) and used by every later one.
	EndpointVersion int64
	ContractVersion int64
}

// Job is a delivery with all that a sender needs.
type Job struct {
	Delivery Delivery
	Event    *Event  // shared between the deliveries of one event; read-only
	Frozen   *Frozen // kept at the first attempt; nil: not yet, or the versions tell it all
}

// Frozen is what a delivery keeps of the request that its first attempt made,
// beyond what the versions of its endpoint and contract tell.
type Frozen struct {
	Body []byte // as sent
	Head *Head  // nil: as those versions render it
}

// Head is a request without its body and signature. It is frozen where a script
// had a hand in it: scripts may give another answer the second time.
type Head struct {
	Method  string   `json:"method"`
	URL     string   `json:"url"`
	Headers []Header `json:"headers"`
}

// Preview is the request that would be made for an event, secrets masked.
type Preview struct {
	Request   Request        // if the transformation fails or cancels: without what it would change
	Console   []string       // what the transformation printed
	Cancelled bool           // by the transformation: no request would be made
	Reason    string         // for that, in the transformation's words
	Failure   *ScriptFailure // nil: it did not fail, or there is none
}

// ScriptFailure says why a transformation failed.
type ScriptFailure struct {
	Class        string // error class
	Detail       string // for the author of the script
	Line, Column int    // from 1; 0: not known
}

// TestResult is what a test of an endpoint came to.
type TestResult struct {
	Delivery Delivery
	Attempt  *Attempt
	Body     []byte // of the request, where the attempt does not say otherwise
}

// Attempt is one HTTP request made for a delivery, or what kept it from being made
// ([NeverSent]).
type Attempt struct {
	Delivery    DeliveryID
	Number      int    // from 1
	Transport   string // which transport exchanged the message, or would have: "http", "shadow"; never empty
	StartedAt   time.Time
	Request     Request
	Response    *Response // nil: none came
	Timing      Timing
	Class       string // error class; "" if the attempt succeeded
	Detail      string // one English sentence for the log and the API
	Interrupted bool
}

// Request is what went on the wire, secrets masked.
type Request struct {
	Method  string   `json:"method"`
	URL     string   `json:"url"`
	Headers []Header `json:"headers"`
	// Body is nil when the body is the event's payload or the frozen body, which are
	// stored already; it is set when secrets in that had to be masked.
	Body []byte `json:"-"`
}

// Response is what came back.
type Response struct {
	Status    int      `json:"status"` // 0: there is none, see [Response.HasStatus]
	Headers   []Header `json:"headers"`
	Body      []byte   `json:"body"`      // the first [KeepBody] bytes
	Truncated bool     `json:"truncated"` // there was more than Body
}

// HasStatus reports whether the answer has a status. Those to HTTP requests have;
// another transport may have answers that say only that the message was taken.
func (r *Response) HasStatus() bool { return r.Status != 0 }

// Limits of what is read and kept of an answer.
const (
	ReadBody = 64 << 10
	KeepBody = 16 << 10
)

// Timing is how long the parts of an attempt took; a part that did not happen
// (a reused connection needs no DNS) is zero. Of an attempt for which a script let
// nothing be sent there is only the total, the wait for the script included.
type Timing struct {
	DNS       time.Duration
	Connect   time.Duration
	TLS       time.Duration
	FirstByte time.Duration // from the start of the attempt
	Total     time.Duration // from the start to the last body byte
}
