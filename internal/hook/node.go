package hook

import (
	"errors"
	"time"
)

// Slots is the number of parts into which nodes divide their work.
const Slots = 256

// Slot is the part of the work that the endpoint belongs to. The byte is one of the
// random ones of the id; SQL in the database reads the same byte.
func (id EndpointID) Slot() int { return int(id[9]) }

// Nodes says who shares the work at a moment.
type Nodes struct {
	Alive   []int64      // epochs of the nodes whose leases are valid, in rising order
	Expired []int64      // epochs of the nodes whose leases expired
	Owner   [Slots]int64 // epoch of each slot's owner; 0: none
	Polls   bool         // some node gets no notifications and polls instead
	Signals SignalsRead  // the last signal there is
}

// SignalsRead says which signals a node has read.
type SignalsRead struct {
	Number  int64     // of the last one
	At      time.Time // of the last reading, by the database's clock
	Watched bool      // somebody reads the stream of notices, at this node or another
}

// Signal is a message from one node to the others: an endpoint has work, a delivery was
// superseded, or the configuration changed.
type Signal struct {
	Work       bool       // Endpoint has new deliveries
	Superseded DeliveryID // a delivery of Endpoint; zero: none
	Change
}

// ErrNotWaiting is returned when a sender wants to send a delivery that must not be sent
// any more: it is finished, or a newer snapshot superseded it.
var ErrNotWaiting = errors.New("the delivery does not wait to be sent any more")

// ErrFenced is returned when a node wants to write after another node took over its work.
// Nothing was stored, and the node must not try again.
var ErrFenced = errors.New("another node has taken over this work")
