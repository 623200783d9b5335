package hook

import "time"

// Submission is what one caller hands in at once: events with their deliveries, and
// changes of records, committed together or not at all. Once it is handed in, nobody
// changes it or what it points to; what became of it is returned as [Verdicts].
type Submission struct {
	Tenant  string
	Items   []*Accepted
	Records []*RecordWrite
	// RunEnd is the end of a run of a schedule, nil for all else. The event of the run, if
	// it made one, is the only item.
	RunEnd *RunEnd

	// RequestKey is the Idempotency-Key of the whole request, "" if it has none.
	// RequestHash is the SHA-256 of the request that the key stands for.
	RequestKey  string
	RequestHash [32]byte
	// Seal says that what is stored of the request beside Items and Records can quote a payload that
	// is sealed: its answer, and the details of a run.
	Seal bool
	// Answer encodes the answer to the request, which is stored with RequestKey in the
	// same transaction. It is a pure function: it changes nothing outside itself. The
	// store calls it on the committing goroutine, and once more each time it has to
	// repeat the transaction, possibly with other verdicts.
	Answer func(Verdicts) []byte
	// Again is set if this is the rest of a submission that already took the key, of which
	// a part was overtaken. Its answer replaces the stored one.
	Again bool
}

// Accepted is one event of a submission.
type Accepted struct {
	Event      *Event
	Deliveries []Delivery
	LeftOut    int // how many of Deliveries were left out, see [Delivery.LeftOut]; they come last
	// Unkept are more deliveries that were left out. They are only counted, not stored, because their endpoints have too
	// many of them. They have no ids.
	Unkept []Delivery
	// Hash identifies the content of an event that has an external id (contract,
	// type and payload), so that a repeated id can be told from a reused one.
	Hash [32]byte
	// Debounce is set if the deliveries that are sent take the place of earlier ones.
	Debounce *Debounce
}

// Debounce lets the deliveries of several events that come soon after each other become one. A delivery waits for Wait. If
// another event with the same key has a delivery for the same endpoint before that is over, the first one is superseded,
// and the new one waits for Wait, but no longer than Max (0: without a limit) after the first of those that were
// superseded one by another.
type Debounce struct {
	Key       [32]byte // SHA-256 of what the contract calls the key
	Wait, Max time.Duration
}

// Sent is how many endpoints get the event.
func (a *Accepted) Sent() int { return len(a.Deliveries) - a.LeftOut }

// Omitted is how many endpoints did not get the event because of an error, whether that was stored or only counted.
func (a *Accepted) Omitted() int { return a.LeftOut + len(a.Unkept) }

// RecordWrite is the new state of a record, on the condition that nobody changed the
// record since it was read, with the events that the change makes.
type RecordWrite struct {
	Record Record // its new state; without Document, it is deleted
	Was    int64  // the version that was read; 0: there was none
	Events []*Accepted
}

// Verdicts are what became of a submission and of its parts. The zero value says that
// all of it was stored as it was handed in.
type Verdicts struct {
	// Prior is the stored answer if RequestKey was used before with the same hash.
	Prior []byte
	// KeyReused is set if RequestKey was used before with another hash.
	KeyReused bool
	// Run is what became of Submission.RunEnd, nil if there was none.
	Run *RunVerdict
	// Superseded are the deliveries that a debounced one took the place of, with their ids.
	Superseded []Delivery

	Items   []ItemVerdict   // of Submission.Items, one each; nil: all are zero
	Records []RecordVerdict // of Submission.Records, one each; nil: all are zero
}

// Stored is false if nothing of the submission was stored: its key was used before,
// or the run had lost its claim. Then Items and Records say nothing.
func (v Verdicts) Stored() bool {
	return v.Prior == nil && !v.KeyReused && (v.Run == nil || !v.Run.ClaimLost)
}

// Item is what became of Submission.Items[i].
func (v Verdicts) Item(i int) ItemVerdict {
	if v.Items == nil {
		return ItemVerdict{}
	}
	return v.Items[i]
}

// Record is what became of Submission.Records[i].
func (v Verdicts) Record(i int) RecordVerdict {
	if v.Records == nil {
		return RecordVerdict{}
	}
	return v.Records[i]
}

// ItemVerdict is what became of one event. The zero value says that it was stored.
type ItemVerdict struct {
	// Duplicate is set if the external id was used before with the same hash. Then
	// nothing was stored, and First, FirstDeliveries and FirstLeftOut tell what was the first time.
	Duplicate       bool
	First           EventID
	FirstDeliveries int
	FirstLeftOut    int
	// IDReused is set if the external id was used before with another hash. Then
	// nothing was stored.
	IDReused bool
}

// Stored reports whether the event and its deliveries were stored.
func (v ItemVerdict) Stored() bool { return !v.Duplicate && !v.IDReused }

// KnownID is what is remembered of an external id.
type KnownID struct {
	Hash  [32]byte    // of the content that the id was used for, see [Accepted.Hash]
	First ItemVerdict // of a repeat of that
}

// RecordVerdict is what became of one write of a record. The zero value says that it
// was stored with all its events.
type RecordVerdict struct {
	// Overtaken is set if the record is no longer at RecordWrite.Was, or if an earlier
	// write of the submission to the same record was overtaken. Then nothing of this
	// one was stored.
	Overtaken bool
	Events    []ItemVerdict // of RecordWrite.Events, one each; nil: all are zero
}

// Event is what became of RecordWrite.Events[i], unless the write was overtaken.
func (v RecordVerdict) Event(i int) ItemVerdict {
	if v.Events == nil {
		return ItemVerdict{}
	}
	return v.Events[i]
}

// Result is what became of a delivery: its new state, and the attempt to add to its
// history.
type Result struct {
	Delivery Delivery // as [Next] decided
	Attempt  *Attempt // nil if there was none: the delivery is about to be sent, or was cancelled
	Frozen   *Frozen  // to keep with the delivery; nil if there is nothing to keep, or it is stored already
	Epoch    int64    // of the node when it took over the endpoint; 0 if there is only one node
	// Awaited: the next delivery of an ordered endpoint waits until this result is durable, so the
	// store commits it at once.
	Awaited bool
	// Others are the other members of a batch: all results are stored in one transaction, or none is. Others of
	// theirs, Epoch and Awaited mean nothing.
	Others []Result
}

// DuePage is a page of an endpoint's queue, in queue order.
type DuePage struct {
	Jobs []Job
	More bool      // more deliveries may be due now
	Next time.Time // when the first delivery that is not due yet will be; zero: not known, or none
}
