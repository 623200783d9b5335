package hook

import "time"

// Record is the current state of one business object of a tenant, as the product last
// sent it.
type Record struct {
	Tenant   string
	Contract string
	Kind     string
	Key      string // a numeric key is its decimal text
	// Version grows with every change, also if the record is deleted and made again. It
	// is the entity tag. 0 stands for a record that does not exist.
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
	Document  []byte // valid JSON, byte for byte as it was received
	// Sealed says that the document is encrypted where it is stored, and Unreadable that it cannot
	// be decrypted; Document is empty then.
	Sealed, Unreadable bool
}

// Name identifies the record among the records of its tenant.
func (r *Record) Name() RecordName { return RecordName{r.Contract, r.Kind, r.Key} }

// RecordName identifies a record among the records of its tenant.
type RecordName struct {
	Contract string
	Kind     string
	Key      string // a numeric key is its decimal text
}

// RecordChange is a change of a record as it comes in.
type RecordChange struct {
	RecordName // if Key is "", the key in the document counts
	Op         RecordOp
	// Document is the whole document, or a JSON Merge Patch for it. It is valid JSON, and
	// the caller must not change it afterwards.
	Document []byte
	If       Precondition
	// Wrong is set by the caller if it found that the change cannot be accepted. Then the
	// other fields are ignored.
	Wrong *Error
}

// RecordOp is what to do with a record.
type RecordOp string

const (
	RecordPut    RecordOp = "put"    // store the document as the new or the changed record
	RecordPatch  RecordOp = "patch"  // apply a JSON Merge Patch (RFC 7396) to the record
	RecordDelete RecordOp = "delete" // remove the record
)

// Precondition is what must be true of a record, or of another object, before a caller changes it. The zero
// value always holds.
type Precondition struct {
	Absent   bool    // the record does not exist
	Present  bool    // the record exists
	Versions []int64 // the record has one of these versions; nil: any version
}

// Holds reports whether the precondition is true for a record of a version, 0 for a record
// that does not exist.
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

// RecordChanges are the changes of one request. They are independent of each other, but
// several changes of one record are made in their order.
type RecordChanges struct {
	Tenant      string
	Items       []RecordChange
	RequestKey  string   // Idempotency-Key, "" if none
	RequestHash [32]byte // SHA-256 of what the request asks for; only needed with RequestKey
}

// RecordAnswer says what became of one item of [RecordChanges]. When the caller gets it,
// it is durable.
type RecordAnswer struct {
	RecordName
	Version   int64 // of the record now; 0: it does not exist
	Changed   bool  // the document differs from the one before
	Created   bool  // the record did not exist before
	Events    []FiredEvent
	Troubles  []RecordTrouble
	Duplicate bool   // this is the answer to an earlier, equal request
	Wrong     *Error // nothing was stored for this item
}

// FiredEvent is an event that the change of a record fired.
type FiredEvent struct {
	ID         EventID
	Type       string
	Deliveries int         // how many endpoints get the event
	LeftOut    int         // how many more have a filter that failed or cost too much, see [Accepted.Omitted]
	Hint       *FieldError // why the event has no delivery, as in [EventAnswer]
}

// RecordTrouble is an event that might have fired, but whose condition or payload failed
// to evaluate.
type RecordTrouble struct {
	Type   string // of the event; "" if nobody knows which events would have fired
	Reason string // as of an [Omission]; "" in answers that releases before stored
	Line   int    // of the contract's file
	Detail string // one sentence for people; it may quote the document
}
