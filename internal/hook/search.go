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
}

// SearchPlace is how far a search is. The zero value is its beginning.
type SearchPlace struct {
	Record   RecordName // all records up to this one have been looked at
	Event    EventID    // zero: none; otherwise all events down to this one
	Delivery DeliveryID // zero, or the last that was looked at of an event whose deliveries did not fit on the page
	Events   bool       // the records are done
}
