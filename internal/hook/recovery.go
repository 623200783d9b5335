package hook

import "time"

// RecoveryState is the state of a bulk replay.
type RecoveryState string

const (
	RecoveryRunning   RecoveryState = "running"
	RecoveryDone      RecoveryState = "done"
	RecoveryCancelled RecoveryState = "cancelled" // its endpoint was disabled or deleted while it ran, or a person stopped it
)

// Recovery is a bulk replay. It goes through the events of a time span, oldest first, and
// sends those again that did not reach one endpoint.
type Recovery struct {
	ID       RecoveryID
	Tenant   string
	Endpoint EndpointID
	Since    time.Time
	Until    time.Time
	// States are the states of the deliveries to send again. With Missing, the events that
	// the endpoint accepts but has no delivery of are sent as well: the endpoint was
	// disabled then, or did not exist.
	States   []State
	Missing  bool
	Cursor   EventID // the last event looked at; zero: none yet
	Examined int64   // events looked at so far
	// Total is the number of events that the time span had when the replay began. It is
	// counted up to [MaxRecoveryTotal].
	Total      int64
	Requeued   int64 // deliveries queued again or created
	State      RecoveryState
	CreatedAt  time.Time
	FinishedAt time.Time // zero while running
}

// MaxRecoveryTotal is the limit up to which [Recovery.Total] counts.
const MaxRecoveryTotal = 1_000_000

// Progress estimates the part that is done, from 0 to 1: by the number of events, or by
// time if there are more events than were counted.
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

// share is part divided by whole, limited to 0 to 1.
func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(max(part/whole, 0), 1)
}

// RecoveryPreview says what a recovery would do.
type RecoveryPreview struct {
	Examined   int  // events looked at
	Deliveries int  // deliveries that would be sent
	AtLeast    bool // there are more events: the preview stopped at a limit
}

// RecoveryItem is one event in the time span of a recovery.
type RecoveryItem struct {
	Event    *Event
	Delivery *Delivery // of the event to the endpoint; nil: there is none
}

// RecoveryStep is what a recovery does for one page of events. It is committed together
// with the progress of the recovery.
type RecoveryStep struct {
	Requeue []DeliveryID // existing deliveries to send again
	// Create are new deliveries, of events that have none to the endpoint. Their ID may be
	// any delivery id of the event: the store gives them a free number.
	Create   []Delivery
	Cursor   EventID // the last event of the page
	Examined int     // events on the page
	Done     bool    // this was the last page
	Ordered  bool    // the endpoint is ordered: what is queued again takes its old place
}
