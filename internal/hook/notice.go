package hook

import "time"

// NoticeKind says what a [Notice] is about.
type NoticeKind string

const (
	NoticeAttempt  NoticeKind = "attempt"  // a request was made for a delivery
	NoticeDelivery NoticeKind = "delivery" // a delivery was made, or ended without a request
	NoticeEndpoint NoticeKind = "endpoint" // an endpoint was made, changed or deleted
	NoticeTenant   NoticeKind = "tenant"   // a tenant was made, changed or deleted
	NoticeContract NoticeKind = "contract" // a contract has a new version; everybody is told
	NoticeLost     NoticeKind = "lost"     // the reader was too slow for some
)

// Notice tells that something happened, to whoever watches at the time. It holds
// no payload, no address and no secret.
type Notice struct {
	Kind     NoticeKind
	At       time.Time
	Tenant   string
	Endpoint EndpointID
	Contract string

	// Of a delivery, as it is now.
	Delivery      DeliveryID
	Type          string
	State         State
	Reason        string
	Test          bool
	NextAttemptAt time.Time

	// Of an attempt.
	Number int
	Class  string // "" if it succeeded
	Status int    // of the answer; 0: none came
	Took   time.Duration

	Lost int // notices that the reader did not get
}
