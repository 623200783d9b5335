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
	NoticeLost     NoticeKind = "lost"     // the reader did not get some: it was too slow, or there were too many
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

// Exchange is what a node tells others and asks of them, at once.
type Exchange struct {
	Number int64  // of Data, from 1 on
	Data   []byte // notices; nil: nothing to tell

	Watches bool            // somebody reads here: others are asked to tell, and what they told is read
	Begins  bool            // nothing was read before
	Known   map[int64]int64 // the last number that was read of each source
}

// Told is what another process told.
type Told struct {
	Source, Number int64
	Data           []byte // nil if it was told before it was asked for
}
