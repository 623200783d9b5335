package hook

import (
	"slices"
	"time"
)

// Mode is the promise made about how often a delivery is sent.
type Mode string

const (
	AtLeastOnce Mode = "at_least_once" // sent again until it succeeds or the schedule ends
	AtMostOnce  Mode = "at_most_once"  // sent once: stored durably as being sent before the request leaves
)

// State of a delivery. [Next] decides every change; docs/states.md draws them.
type State string

const (
	Pending   State = "pending"   // waits for its first attempt, or for its endpoint
	Sending   State = "sending"   // its request is on the way or about to leave; after a crash: interrupted
	Retrying  State = "retrying"  // failed at least once, waits for the next attempt
	Delivered State = "delivered" // the contract's success rule held
	Failed    State = "failed"    // the schedule is used up, or the failure is final
	Unknown   State = "unknown"   // at-most-once and interrupted: nobody can know whether it arrived
	Cancelled State = "cancelled" // it is not to be sent any more; the reason says why
)

// Finished reports whether nothing more happens to the delivery by itself.
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
	ReasonEndpointDisabled = "endpoint_disabled" // its endpoint was disabled
	ReasonEndpointDeleted  = "endpoint_deleted"  // its endpoint was deleted
	ReasonSuperseded       = "superseded"        // a newer snapshot exists
	ReasonScript           = "script"            // the endpoint's transformation cancelled it
	// ReasonByPerson, which endpoints have, too: a person cancelled it
	ReasonSkipped      = "skipped"       // a person gave it up, so that the strict queue behind it goes on
	ReasonShadow       = "shadow"        // a trial: its request was recorded, and not sent
	ReasonOverBudget   = "over_budget"   // the endpoint's filter was not evaluated: it costs too much work
	ReasonFilterFailed = "filter_failed" // the endpoint's filter has no truth value for the event
)

// Delivery is one event for one endpoint.
type Delivery struct {
	ID       DeliveryID
	Tenant   string
	Endpoint EndpointID
	Type     string // the event's type, copied for lists
	Mode     Mode
	State    State
	Reason   string // why it is in this state; "" if that needs no reason
	// Superseded is set in the commit of a newer snapshot, on the unfinished deliveries
	// of the older one. Those that wait are cancelled at once. The attempt of one that is
	// being sent may still succeed; if it does not, the delivery is cancelled instead of
	// tried again. A person who cancels what waits sets it in the same way; then the reason is
	// [ReasonByPerson]. A retry by a person clears the flag.
	Superseded bool
	Test       bool // made by the test button
	Attempts   int  // attempts so far, interrupted ones included
	Slot       int  // place in the retry schedule: attempts so far without the interrupted ones
	// NextAttemptAt is when the next attempt is due. In Sending it is when the present
	// attempt began. It is zero if the delivery is finished, or held.
	NextAttemptAt time.Time
	// QueueAt is the delivery's place in the queue of its endpoint: NextAttemptAt, or
	// CreatedAt if the endpoint is ordered. It means nothing unless the delivery waits.
	QueueAt    time.Time
	CreatedAt  time.Time
	FinishedAt time.Time // zero if the delivery is not finished
	// EndpointVersion and ContractVersion say which versions made the body. The first
	// attempt sets them (before it they are 0), and all later attempts send that body.
	EndpointVersion int64
	ContractVersion int64
	// Batch is the request with several events that the delivery was sent in last, or is about to be
	// sent in again; nil: none. Its sender sets it. A retry by a person clears it. Nobody may change what
	// it points to.
	Batch *Batch
}

// InBatch is the delivery's batch, zero if there is none.
func (d *Delivery) InBatch() Batch {
	if d.Batch == nil {
		return Batch{}
	}
	return *d.Batch
}

// LeftOut reports whether the delivery was never sent because nobody knows whether its endpoint takes the event:
// evaluating the filter would have cost more work than the event may cost, or failed.
func (d *Delivery) LeftOut() bool {
	return d.State == Cancelled && (d.Reason == ReasonOverBudget || d.Reason == ReasonFilterFailed)
}

// Held reports whether the delivery failed and holds the strict queue of its endpoint: it waits until a person retries or
// skips it, and those behind it wait, too.
func (d *Delivery) Held() bool { return d.State == Retrying && d.NextAttemptAt.IsZero() }

// Job is a delivery with everything that a sender needs.
type Job struct {
	Delivery Delivery
	Event    *Event  // shared by the deliveries of the event; nobody may change it
	Frozen   *Frozen // set by the first attempt; nil: not yet, or the versions are enough
	// Unreadable says that the event's payload or the frozen request cannot be decrypted. The
	// delivery cannot be sent.
	Unreadable bool
}

// Frozen is the part of the first attempt's request that is stored with the delivery,
// because the versions of its endpoint and contract are not enough to render it again.
type Frozen struct {
	Body []byte // as it was sent
	Head *Head  // nil: the versions render it
}

// Head is a request without its body and signature. It is stored if a script made the
// request, since a script may give another result the second time. It is sent again as
// long as the endpoint and its contract have the versions that made it.
type Head struct {
	Method  string   `json:"method"`
	URL     string   `json:"url"`
	Headers []Header `json:"headers"`
}

// Preview is the request that would be made for an event, with secrets masked.
type Preview struct {
	Request   Request        // without the transformation if that fails or cancels
	Console   []string       // what the transformation printed
	Cancelled bool           // the transformation cancels: no request would be made
	Reason    string         // why it cancels, in the words of the transformation
	Failure   *ScriptFailure // nil: it did not fail, or there is no transformation
}

// ScriptFailure says why a transformation failed.
type ScriptFailure struct {
	Class        string // error class
	Detail       string // for the author of the script
	Line, Column int    // counted from 1; 0: not known
}

// TestResult is the result of a test of an endpoint.
type TestResult struct {
	Delivery Delivery
	Attempt  *Attempt
	Body     []byte // of the request, unless Attempt.Request has one
}

// Attempt is one request of a delivery, or the reason why no request was made
// ([NeverSent]).
type Attempt struct {
	Delivery    DeliveryID
	Number      int    // from 1
	Transport   string // which transport exchanged the message, or would have: "http", "shadow"; never empty
	StartedAt   time.Time
	Request     Request
	Response    *Response // nil: there was none
	Timing      Timing
	Class       string // error class; "" if the attempt succeeded
	Detail      string // one English sentence for the log and the API
	Interrupted bool
	Extra       *Extra // nil: nothing of it. Nobody may change what it points to
	// Unreadable says that the request, what came back and the detail of the error cannot be
	// decrypted and are empty.
	Unreadable bool
}

// Extra is what few attempts have. It is apart, so that all the others stay small: they are made for every delivery, and
// stay in memory until they are stored.
type Extra struct {
	Rule       string // the rule of the contract that decided what follows, for example stop_if; "": none did
	RuleFailed string // why rules of the contract could not be applied, one English sentence each; "": all could
	Batch      Batch  // the request had other events in it; zero: it had not
	Steps      []Step // what was exchanged within the attempt before Request, in order
}

// Extras is the attempt's Extra, zero if there is none.
func (a *Attempt) Extras() Extra {
	if a.Extra == nil {
		return Extra{}
	}
	return *a.Extra
}

// SetExtras replaces the attempt's Extra.
func (a *Attempt) SetExtras(x Extra) {
	if a.Extra = nil; x.Rule != "" || x.RuleFailed != "" || !x.Batch.IsZero() || len(x.Steps) > 0 {
		kept := x // else each call would allocate
		a.Extra = &kept
	}
}

// Step is an exchange within an attempt that came before the one that counts.
type Step struct {
	What   string        `json:"what"` // StepToken or StepRequest
	Method string        `json:"method"`
	URL    string        `json:"url"`              // secrets masked
	Status int           `json:"status,omitempty"` // 0: no answer
	Class  string        `json:"class,omitempty"`  // error class; "" if an answer came that was of use
	Took   time.Duration `json:"took"`
}

// What a step was.
const (
	StepToken   = "token"   // the fetch of a token
	StepRequest = "request" // the request, to which the answer was a redirect, or 401 so that it was made again with a new token
)

// Request is a request as it was sent, with secrets masked.
type Request struct {
	Method  string   `json:"method"`
	URL     string   `json:"url"`
	Headers []Header `json:"headers"`
	// Body is nil if the body is the event's payload or the frozen body, which are stored
	// already. It is set if secrets in the body had to be masked.
	Body []byte `json:"-"`
}

// Response is the answer of a receiver.
type Response struct {
	Status    int      `json:"status"` // 0: there is none, see [Response.HasStatus]
	Headers   []Header `json:"headers"`
	Body      []byte   `json:"body"`      // the first [KeepBody] bytes
	Truncated bool     `json:"truncated"` // there was more than Body
	// Long is a body that is longer than Body; nil: Body is all. It is for rules that judge the answer, and is not stored.
	Long *Long `json:"-"`
}

// Long is what was read of a long body.
type Long struct {
	Body []byte // at most [ReadBody] bytes
	Cut  bool   // there was more than that, or the rest did not come
}

// All is what was read of the body. whole says that the receiver sent no more.
func (r *Response) All() (body []byte, whole bool) {
	if r.Long != nil {
		return r.Long.Body, !r.Long.Cut
	}
	return r.Body, !r.Truncated
}

// HasStatus reports whether the answer has a status. Answers to HTTP requests have one;
// another transport may have answers that only confirm the message.
func (r *Response) HasStatus() bool { return r.Status != 0 }

// Limits, in bytes, of how much of an answer is read and stored.
const (
	ReadBody = 64 << 10
	KeepBody = 16 << 10
)

// Timing is the duration of an attempt and its parts. A part that did not happen is zero:
// a reused connection needs no DNS. If a script failed or cancelled, there is only Total,
// which includes the wait for the script.
type Timing struct {
	DNS       time.Duration
	Connect   time.Duration
	TLS       time.Duration
	FirstByte time.Duration // from the start of the attempt
	Total     time.Duration // from the start to the last body byte
}
