package hook

import "time"

// RecoveryState says how far a bulk replay is.
type RecoveryState string

const (
	RecoveryRunning   RecoveryState = "running"
	RecoveryDone      RecoveryState = "done"
	RecoveryCancelled RecoveryState = "cancelled" // its endpoint was disabled or deleted meanwhile
)

// Recovery is a bulk replay: it goes through the events of a time span, oldest
// first, and sends to one endpoint again what did not reach it.
type Recovery struct {
	ID       RecoveryID
	Tenant   string
	Endpoint EndpointID
	Since    time.Time
	Until    time.Time
	// States are those of the deliveries to send again; Missing stands for events
	// the endpoint takes but has no delivery of, because it was disabled or did
	// not exist.
	States     []State
	Missing    bool
	Cursor     EventID // the last event looked at; zero: none yet
	Examined   int64   // events looked at
	Requeued   int64   // deliveries put back into the queue or made
	State      RecoveryState
	CreatedAt  time.Time
	FinishedAt time.Time // zero while running
}

// RecoveryItem is one event that a recovery comes across.
type RecoveryItem struct {
	Event    *Event
	Delivery *Delivery // the endpoint's delivery of it; nil: there is none
}

// RecoveryStep is what a recovery does about one page of events, committed
// together with its progress.
type RecoveryStep struct {
	Requeue []DeliveryID // existing deliveries to send again
	// Create are deliveries to make of events that have none for the endpoint.
	// ID needs only be one of the event: the store numbers them.
	Create   []Delivery
	Cursor   EventID // the last event of the page
	Examined int     // events on the page
	Done     bool    // there are no more pages
	Ordered  bool    // the endpoint is: what is requeued takes its old place
}
