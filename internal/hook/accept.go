package hook

// NewEvent is an event as a door hands it in, before it has an identity.
type NewEvent struct {
	Type       string
	ExternalID string // "" if the caller gave none
	Contract   string // "" means DefaultContract
	Payload    []byte // valid JSON within the limits, unless ContentType says otherwise; the caller must not change it any more
	// ContentType is the media type of Payload; "" means application/json.
	ContentType string
	Door        Door
	Wrong       *Error // set by the door if the item cannot be accepted; the rest is then ignored
}

// NewEvents is what one request hands in: accepted together, in one commit.
type NewEvents struct {
	Tenant      string
	Items       []NewEvent
	RequestKey  string   // Idempotency-Key, "" if none
	RequestHash [32]byte // SHA-256 of the request's body; only needed with RequestKey
}

// EventAnswer is what became of one item of [NewEvents], durable once given.
type EventAnswer struct {
	ID         EventID
	ExternalID string
	Deliveries int
	Duplicate  bool   // this is the answer of an earlier, equal request
	Wrong      *Error // nothing was stored for this item
}
