package hook

import "time"

// Submission is what one caller hands in at once: events and their deliveries,
// and changes of records, to be committed together or not at all.
type Submission struct {
	Tenant  string
	Items   []*Accepted
	Records []*RecordWrite
	// Step is the end of a run of a schedule, whose event, if it made one, is the
	// only item; nil for all else. If it is lost, nothing is stored.
	Step *ScheduleStep

	// RequestKey is the Idempotency-Key of the whole request, "" if none, and
	// RequestHash the SHA-256 of what it stands for. Answer encodes the answer
	// once the items have their results; it is stored with the key.
	RequestKey  string
	RequestHash [32]byte
	Answer      func() []byte
	// Again says that this is the rest of a submission that took the key already:
	// its answer replaces the one that is stored.
	Again bool

	// Prior is the stored answer, set when RequestKey was used before with the
	// same hash; then no item was stored. Conflict is set when it was used with
	// another hash.
	Prior    []byte
	Conflict bool
}

// Accepted is one event of a submission, and what became of it.
type Accepted struct {
	Event      *Event
	Deliveries []Delivery
	// Hash identifies the content of an event that has an external id (contract,
	// type and payload), so that a repeated id can be told from a reused one.
	Hash [32]byte

	// Duplicate is set when the external id was used before with the same hash:
	// nothing was stored, and First and FirstDeliveries tell what was then.
	// Conflict is set when it was used with another hash.
	Duplicate       bool
	First           EventID
	FirstDeliveries int
	Conflict        bool
}

// RecordWrite is the new state of a record on the condition that nobody else
// changed it since it was read, with the events that this makes, and what became
// of it.
type RecordWrite struct {
	Record Record // its new state; without Document, it is deleted
	Was    int64  // the version that was read; 0: there was none
	Events []*Accepted

	// Lost is set when the record is not at Was any more, or an earlier write of
	// the submission to the same record is lost. Nothing of this one was stored.
	Lost bool
}

// Result is what becomes of a delivery: its new row, and the attempt to add to
// its history.
type Result struct {
	Delivery Delivery // with the transition applied
	Attempt  *Attempt // nil if only the row changes (it is being sent, or was cancelled)
	Frozen   *Frozen  // to keep with the delivery; nil if there is nothing to keep, or it is kept already
	Epoch    int64    // of the node when it took the delivery on; 0: it is alone
}

// DuePage is a page of an endpoint's queue, in queue order.
type DuePage struct {
	Jobs []Job
	More bool      // there may be others due now
	Next time.Time // when the first one that is not due yet will be; zero: not known, or none
}
