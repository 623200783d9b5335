package hook

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// Omission is what an error left out in one hour, for one reason: events that changes of records did not fire, because a
// condition or a payload template of the contract failed; or the events that an endpoint did not get, because its filter
// failed. It is a count with some examples. So it takes the same room whether one event was left out or a million.
type Omission struct {
	OmissionKey
	Count int64 // events
	// Unkept is how many of Count have no row of their own anywhere. An event that did not come to be never has one. Of an
	// endpoint, these are the events that it has no cancelled delivery for, because it had too many of them in that minute.
	Unkept   int64
	First    time.Time
	Last     time.Time
	Examples []OmissionExample // the latest ones, oldest first; at most [MaxOmissionExamples]
}

// OmissionKey says what an [Omission] counts.
type OmissionKey struct {
	Tenant   string
	At       time.Time // start of the hour, UTC
	Contract string
	Type     string     // of the events that did not come to be; "" of an endpoint, or if nobody knows it
	Endpoint EndpointID // that did not get the events; zero: the events did not come to be
	Reason   string
}

// Reasons of an [Omission] beside [ReasonOverBudget] and [ReasonFilterFailed].
const (
	ReasonConditionFailed  = "condition_failed"  // the condition (when) of the event type has no truth value for the change
	ReasonPayloadFailed    = "payload_failed"    // the payload could not be made
	ReasonPayloadTooLarge  = "payload_too_large" // the payload would be larger than payloads may be
	ReasonRecordUnreadable = "record_unreadable" // what was in the record cannot be decrypted
)

// MaxOmissionExamples is how many examples are kept of the events that were left out in one hour for one reason.
const MaxOmissionExamples = 20

// OmissionExample is one event that was left out.
type OmissionExample struct {
	At     time.Time `json:"at"`
	Kind   string    `json:"kind,omitempty"`  // of the record whose change did not fire the event
	Key    string    `json:"key,omitempty"`   // of that record
	Event  EventID   `json:"event,omitzero"`  // that the endpoint did not get; zero: it did not come to be
	Line   int       `json:"line,omitempty"`  // of the contract's file
	Detail string    `json:"detail,omitzero"` // one sentence for people; it may quote the document
}

// ID names the omission. Ids of all nodes are the same for the same key, and they sort by the hour.
func (k *OmissionKey) ID() ID {
	h := sha256.New()
	for _, part := range []string{k.Tenant, k.Contract, k.Type, string(k.Endpoint[:]), k.Reason} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	id := IDAt(k.At)
	copy(id[6:], h.Sum(nil))
	return id
}

// Add adds what was left out for the same reason in the same hour, later.
func (o *Omission) Add(more *Omission) {
	o.Count += more.Count
	o.Unkept += more.Unkept
	if o.First.IsZero() || more.First.Before(o.First) {
		o.First = more.First
	}
	if more.Last.After(o.Last) {
		o.Last = more.Last
	}
	o.Examples = append(o.Examples, more.Examples...)
	if n := len(o.Examples) - MaxOmissionExamples; n > 0 {
		o.Examples = slices.Delete(o.Examples, 0, n)
	}
}

// OmissionFilter selects omissions. The zero value selects all of a tenant.
type OmissionFilter struct {
	Type     string
	Contract string
	Endpoint EndpointID
	Since    time.Time // in hours that begin then or later, or that Since is in
	Until    time.Time // in hours that begin before
}
