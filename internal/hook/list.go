package hook

import "time"

// Page asks for a part of a list, newest first.
type Page struct {
	Before ID  // only what is older than this id; zero: begin with the newest
	Limit  int // at least 1
}

// EventFilter selects events of a list; a zero field selects all.
type EventFilter struct {
	Type     string
	Contract string
	Since    time.Time // made at this time or later
	Until    time.Time // made before this time
}

// DeliveryFilter selects deliveries of a list; a zero field selects all.
type DeliveryFilter struct {
	Endpoint EndpointID
	Event    EventID
	Type     string
	State    State
	Since    time.Time // the event was made then or later
	Until    time.Time // the event was made before
	// Ended: Since and Until are compared with the time at which the delivery finished, not with that of its event. What is
	// not finished is left out.
	Ended   bool
	NoTests bool // leaves out tests of endpoints
	// Contracts are the only ones whose endpoints count; nil: all.
	Contracts []string
}

// IsZero reports whether the id is unset.
func (id ID) IsZero() bool           { return id == ID{} }
func (id EventID) IsZero() bool      { return id == EventID{} }
func (id DeliveryID) IsZero() bool   { return id == DeliveryID{} }
func (id EndpointID) IsZero() bool   { return id == EndpointID{} }
func (id KeyID) IsZero() bool        { return id == KeyID{} }
func (id CredentialID) IsZero() bool { return id == CredentialID{} }
