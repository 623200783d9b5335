package hook

import "time"

// Record is the current state of one business object of a tenant: what the
// product last said of it.
type Record struct {
	Tenant   string
	Contract string
	Kind     string
	Key      string // a numeric key is its decimal text
	// Version differs after every change, also over a deletion: it only grows. It
	// is the entity tag. 0 stands for a record that is not there.
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
	Document  []byte // valid JSON, byte for byte as it came
}

// Name is what tells the record from the tenant's others.
func (r *Record) Name() RecordName { return RecordName{r.Contract, r.Kind, r.Key} }

// RecordName names a record among those of its tenant.
type RecordName struct {
	Contract string
	Kind     string
	Key      string // a numeric key is its decimal text
}

// RecordChange is a change of a record as a door hands it in.
type RecordChange struct {
	RecordName // without Key, the document's own is meant
	Op         RecordOp
	// Document is the whole document, or the JSON Merge Patch on it; valid JSON,
	// not used by the caller any more.
	Document []byte
	If       Precondition
	Wrong    *Error // set by the door if the item cannot be accepted; the rest is then ignored
}

// RecordOp is what to do with a record.
type RecordOp string

const (
	RecordPut    RecordOp = "put"    // the document replaces what is there, or is new
	RecordPatch  RecordOp = "patch"  // a JSON Merge Patch (RFC 7396) on what is there
	RecordDelete RecordOp = "delete" // what is there is removed
)

// Precondition is what a caller wants to be true of a record that it changes.
// The zero value wants nothing.
type Precondition struct {
	Absent   bool    // there is none yet
	Present  bool    // there is one
	Versions []int64 // and it is at one of these; nil: at any
}

// Holds reports whether the precondition is met at a version, 0 for none.
func (p Precondition) Holds(version int64) bool {
	if p.Absent && version != 0 || p.Present && version == 0 {
		return false
	}
	if p.Versions == nil {
		return true
	}
	for _, v := range p.Versions {
		if v == version && v != 0 {
			return true
		}
	}
	return false
}

// RecordChanges is what one request hands in. Its items are independent of each
// other, but those of one record are done in their order.
type RecordChanges struct {
	Tenant      string
	Items       []RecordChange
	RequestKey  string   // Idempotency-Key, "" if none
	RequestHash [32]byte // SHA-256 of what the request asks for; only needed with RequestKey
}

// RecordAnswer is what became of one item of [RecordChanges], durable once given.
type RecordAnswer struct {
	RecordName
	Version   int64 // 0: there is no such record now
	Changed   bool  // the document was replaced; not if it is what was there
	Created   bool  // there was none before
	Events    []FiredEvent
	Troubles  []RecordTrouble
	Duplicate bool   // this is the answer of an earlier, equal request
	Wrong     *Error // nothing was stored for this item
}

// FiredEvent is an event that the change of a record made.
type FiredEvent struct {
	ID         EventID
	Type       string
	Deliveries int
}

// RecordTrouble is an event that might have fired, but whose condition or payload
// could not be worked out.
type RecordTrouble struct {
	Type   string // of the event
	Line   int    // of the contract's file
	Detail string // one sentence for people; may tell of the document
}
