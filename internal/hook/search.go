package hook

import "time"

// Found is a place that holds the value that somebody searched for.
type Found struct {
	Record    RecordName // of a record; otherwise zero
	Event     EventID    // of an event; otherwise zero
	Delivery  DeliveryID // of a body that a delivery sends and that is not the payload; otherwise zero
	Contract  string
	Type      string // of the event
	CreatedAt time.Time
	Paths     []string // where the value stands, as in contact.email
	Version   int64    // of the record
}

// SearchPlace is how far a search is. The zero value is its beginning.
type SearchPlace struct {
	Record   RecordName // all records up to this one have been looked at
	Event    EventID    // zero: none; otherwise all events down to this one
	Delivery DeliveryID // zero, or the last that was looked at of an event whose deliveries did not fit on the page
	Events   bool       // the records are done
}

// SubjectErasure counts what was erased of a person.
type SubjectErasure struct {
	Records    int // removed
	Events     int // whose payload was overwritten
	Deliveries int // of these events
	Attempts   int // of these deliveries, whose requests and answers were overwritten
	// Waiting are events that were left alone, because something of them is still to be sent, or is being sent.
	Waiting []EventID
	Changed int // records that were changed meanwhile and left alone
}

// Add adds the counts of another part.
func (e *SubjectErasure) Add(o SubjectErasure) {
	e.Records, e.Events, e.Deliveries, e.Attempts = e.Records+o.Records, e.Events+o.Events, e.Deliveries+o.Deliveries, e.Attempts+o.Attempts
	e.Waiting, e.Changed = append(e.Waiting, o.Waiting...), e.Changed+o.Changed
}

// Any reports whether something was erased.
func (e *SubjectErasure) Any() bool { return e.Records > 0 || e.Events > 0 }
