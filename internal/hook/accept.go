package hook

// NewEvent is an event as it comes in, before it has an id.
type NewEvent struct {
	Type       string
	ExternalID string // "" if the caller gave none
	Contract   string // "" means DefaultContract
	// Payload is valid JSON within the limits, unless ContentType says otherwise. The
	// caller must not change it afterwards.
	Payload []byte
	// ContentType is the media type of Payload; "" means application/json.
	ContentType string
	Door        Door
	Sealed      bool // its contract wants payloads encrypted where they are stored; set by package ingest
	// Wrong is set by the caller if it found that the event cannot be accepted. Then the
	// other fields are ignored.
	Wrong *Error
}

// NewEvents are the events of one request, which are accepted together in one commit.
type NewEvents struct {
	Tenant      string
	Items       []NewEvent
	RequestKey  string   // Idempotency-Key, "" if none
	RequestHash [32]byte // SHA-256 of the request's body; only needed with RequestKey
}

// EventAnswer says what became of one item of [NewEvents]. When the caller gets it, it
// is durable.
type EventAnswer struct {
	ID         EventID
	ExternalID string
	Deliveries int    // how many endpoints get the event
	LeftOut    int    // how many more have a filter that failed or cost too much, see [Accepted.Omitted]
	Duplicate  bool   // this is the answer to an earlier, equal request
	Wrong      *Error // nothing was stored for this item
	// Hint says why an event has no delivery; nil if it has some. It is said of the endpoints of now, also in a repeat.
	Hint *FieldError
}
