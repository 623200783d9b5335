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
	States   []State
	Missing  bool
	Cursor   EventID // the last event looked at; zero: none yet
	Examined int64   // events looked at
	// Total is how many events the time span had when it began, counted to
	// [MaxRecoveryTotal].
	Total      int64
	Requeued   int64 // deliveries put back into the queue or made
	State      RecoveryState
	CreatedAt  time.Time
	FinishedAt time.Time // zero while running
}

// MaxRecoveryTotal bounds how far [Recovery.Total] counts.
const MaxRecoveryTotal = 1_000_000

// Progress is how much of it is done, from 0 to 1. It is an estimate: of events,
// or, where there are more than were counted, of time.
func (r *Recovery) Progress() float64 {
	switch {
	case r.State == RecoveryDone:
		return 1
	case r.Total < MaxRecoveryTotal:
		return share(float64(r.Examined), float64(r.Total))
	case r.Cursor.IsZero():
		return 0
	}
	return share(float64(ID(r.Cursor).Time().Sub(r.Since)), float64(r.Until.Sub(r.Since)))
}

// share is part of whole, kept between 0 and 1.
func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(max(part/whole, 0), 1)
}

// RecoveryPreview is what a recovery would come to.
type RecoveryPreview struct {
	Examined   int  // events looked at
	Deliveries int  // that would be sent
	AtLeast    bool // there are more events; looking stopped there
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
