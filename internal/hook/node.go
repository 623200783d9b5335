package hook

import (
	"errors"
	"time"
)

// Slots is into how many parts the work is divided between nodes.
const Slots = 256

// Slot is the part of the work that the endpoint belongs to. Its byte of an id is
// random, and the database reads the same one.
func (id EndpointID) Slot() int { return int(id[9]) }

// Nodes is a look at who shares the work.
type Nodes struct {
	Alive   []int64      // epochs of the nodes whose leases hold, rising
	Expired []int64      // of those that let theirs expire
	Owner   [Slots]int64 // epoch of each slot's owner, 0: none
	Polls   bool         // some node hears no notifications
	Signals Heard        // as far as there are any now
}

// Heard is how far signals were read.
type Heard struct {
	Number  int64
	At      time.Time // by the database's clock
	Watched bool      // somebody watches what happens, at this node or another
}

// Signal is what a node is told by another: work for an endpoint, that a delivery
// was superseded, or a change.
type Signal struct {
	Work       bool       // for Endpoint
	Superseded DeliveryID // for Endpoint; zero: none
	Change
}

// ErrNotWaiting is returned for the intent to send a delivery that is not to be sent
// any more: it has ended meanwhile, or a newer snapshot took its place.
var ErrNotWaiting = errors.New("the delivery does not wait to be sent any more")

// ErrFenced is returned for what a node wanted to write after another took its
// work over. It stored nothing, and must not be tried again.
var ErrFenced = errors.New("another node has taken over this work")
