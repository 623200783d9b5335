package hook

import (
	"slices"
	"time"
)

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

// DeliveryFilter selects deliveries; a zero field selects all. A field with several values selects what has one of them.
type DeliveryFilter struct {
	IDs       []DeliveryID // only of bulk actions; ascending, each once
	Endpoints []EndpointID
	Contracts []string // of the endpoint
	Event     EventID
	Types     []string
	States    []State
	Since     time.Time // the event was made then or later
	Until     time.Time // the event was made before
	// Ended: Since and Until are compared with the time at which the delivery finished, not with that of its event. What is
	// not finished is left out.
	Ended   bool
	NoTests bool // leaves out tests of endpoints
}

// OnlyUnfinished reports whether the filter names states, all of them of deliveries that have not ended.
func (f *DeliveryFilter) OnlyUnfinished() bool {
	return len(f.States) > 0 && !slices.ContainsFunc(f.States, State.Finished)
}

// DeliverySearch is a page of a search in the payloads of deliveries.
type DeliverySearch struct {
	List   []Delivery // found, newest first
	Next   ID         // where the next page begins; zero: everything was looked at
	Looked int        // deliveries whose payload was looked at
	Hidden int        // of these, payloads that cannot be decrypted
	Back   time.Time  // the time of the last one's event; zero: none was looked at
}

// IsZero reports whether the id is unset.
func (id ID) IsZero() bool           { return id == ID{} }
func (id EventID) IsZero() bool      { return id == EventID{} }
func (id DeliveryID) IsZero() bool   { return id == DeliveryID{} }
func (id EndpointID) IsZero() bool   { return id == EndpointID{} }
func (id KeyID) IsZero() bool        { return id == KeyID{} }
func (id CredentialID) IsZero() bool { return id == CredentialID{} }
